/** Gathers the metrics of one container or pod. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import { realtime } from '../../../runtime/sys/realtime.ts'
import type { MetricSchema } from '../../api/api_pb.js'
import { DESCRIPTORS, type MetricName } from './descriptors.ts'

/** Values of the labels of every metric. */
export interface Labels {
  readonly container: string
  /** The cgroup. */
  readonly id: string
  readonly image: string
  readonly name: string
  readonly namespace: string
  readonly pod: string
}

export class Collector {
  readonly metrics: MessageInitShape<typeof MetricSchema>[] = []
  readonly #labels: readonly string[]
  readonly #timestamp = realtime()

  constructor({ container, id, image, name, namespace, pod }: Labels) {
    this.#labels = [container, id, image, name, namespace, pod]
  }

  /** Undefined values are left out; CRI has whole numbers only. */
  add(name: MetricName, value: number | undefined, ...labels: readonly string[]): void {
    if (value === undefined) return
    this.metrics.push({
      name,
      timestamp: this.#timestamp,
      metricType: DESCRIPTORS[name].type,
      labelValues: labels.length === 0 ? [...this.#labels] : [...this.#labels, ...labels],
      value: { value: BigInt(Math.max(0, Math.floor(value))) },
    })
  }
}
