/** The metrics of a pod and its containers. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { PodSandboxMetricsSchema } from '../../api/api_pb.js'
import type { Call, Cri } from '../../cri.ts'
import type { Container } from '../../state/types.ts'
import type { Interface } from '../network.ts'
import { type Pod, selectPods } from '../select.ts'
import { type Stats, statsOf } from '../stats.ts'
import { Collector } from './collector.ts'
import { addDisk, addGroup, addSpec, type Disk, diskOf } from './container.ts'

/** The container label of what is the pod’s: what cAdvisor calls the container that others have for the namespaces. */
const POD = 'POD'

const addNetwork = (to: Collector, interfaces: readonly Interface[]): void => {
  for (const { name, received, sent } of interfaces) {
    to.add('container_network_receive_bytes_total', received.bytes, name)
    to.add('container_network_receive_packets_total', received.packets, name)
    to.add('container_network_receive_packets_dropped_total', received.dropped, name)
    to.add('container_network_receive_errors_total', received.errors, name)
    to.add('container_network_transmit_bytes_total', sent.bytes, name)
    to.add('container_network_transmit_packets_total', sent.packets, name)
    to.add('container_network_transmit_packets_dropped_total', sent.dropped, name)
    to.add('container_network_transmit_errors_total', sent.errors, name)
  }
}

/** Of one that runs. */
const containerMetrics = (stats: Stats, container: Container, { sandbox }: Pod, disk: Disk): Collector => {
  const { id, config } = container
  const group = stats.containerGroup(container)
  const to = new Collector({
    container: config.metadata?.name ?? '',
    id: group?.path ?? '',
    image: config.image?.userSpecifiedImage || (config.image?.image ?? ''),
    name: id,
    namespace: sandbox.config.metadata?.namespace ?? '',
    pod: sandbox.config.metadata?.name ?? '',
  })
  if (group !== undefined) addGroup(to, group)
  addDisk(to, stats.layers.usage(id, stats.upper(id)), disk)
  addSpec(to, container)
  return to
}

const podMetrics = (stats: Stats, pod: Pod, disk: Disk): MessageInitShape<typeof PodSandboxMetricsSchema> => {
  const { sandbox, members } = pod
  const to = new Collector({
    container: POD,
    id: stats.podGroup(sandbox)?.path ?? '',
    image: '',
    name: sandbox.id,
    namespace: sandbox.config.metadata?.namespace ?? '',
    pod: sandbox.config.metadata?.name ?? '',
  })
  addNetwork(to, stats.interfaces(sandbox) ?? [])
  return {
    podSandboxId: sandbox.id,
    metrics: to.metrics,
    containerMetrics: members
      .filter(({ phase }) => phase === 'running')
      .map((container) => ({ containerId: container.id, metrics: containerMetrics(stats, container, pod, disk).metrics })),
  }
}

/** Of all pods that are ready. */
export async function* podMetricsOf(cri: Cri, { signal }: Call): AsyncGenerator<MessageInitShape<typeof PodSandboxMetricsSchema>> {
  const stats = statsOf(cri)
  stats.tidy()
  const pods = selectPods(cri, undefined)
  await stats.prepare(pods.flatMap(({ members }) => members))
  const disk = diskOf(cri.config.root)
  for (const { sandbox, members } of pods) {
    signal.throwIfAborted()
    await stats.giveWay()
    const now = cri.sandboxes.get(sandbox.id)
    if (now === undefined) continue
    yield podMetrics(stats, { sandbox: now, members: members.flatMap(({ id }) => cri.containers.get(id) ?? []) }, disk)
  }
}
