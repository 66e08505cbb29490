/** What containers and pods use of the machine, read when somebody asks. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import { Store } from '../../runtime/container/store.ts'
import type { ContainerStatsSchema, PodSandboxStatsSchema } from '../api/api_pb.js'
import { placesOf as containerPlaces } from '../container/places.ts'
import type { Cri } from '../cri.ts'
import type { Container, Sandbox } from '../state/types.ts'
import { Group } from './group.ts'
import { type Interface, NetworkFile } from './network.ts'
import { parentOf, placesOf } from './places.ts'
import { groupUsage, networkUsage, sumOf, value } from './usage-messages.ts'
import { WritableLayers } from './writable-layers.ts'

/** Milliseconds that a first figure of the disk is waited for. */
const PATIENCE = 250
/** Milliseconds after which others have their turn. */
const TURN = 10

export class Stats {
  readonly #cri: Cri
  readonly #engine: Store
  readonly layers: WritableLayers
  readonly #groups = new Map<string, Group>()
  readonly #networks = new Map<string, NetworkFile>()
  #turn = performance.now()

  constructor(cri: Cri) {
    this.#cri = cri
    this.#engine = new Store(cri.engine.root)
    this.layers = new WritableLayers({ warn: (message) => cri.log.warn(message) })
  }

  /** The folder that a container writes in. */
  upper(id: string): string {
    return containerPlaces(this.#cri.containers, id).upper
  }

  /** Undefined for one that is not made yet, or has ended. */
  containerGroup({ id, phase }: Container): Group | undefined {
    return phase === 'created' || phase === 'running' ? this.#group(id, id, false) : undefined
  }

  /** The cgroup that kubelet made for the pod; without one that of what holds its namespaces. */
  podGroup({ id, phase, config }: Sandbox): Group | undefined {
    return phase === 'ready' ? this.#group(`pod ${id}`, id, hasParent(config)) : undefined
  }

  /** Of all processes in the pod. */
  #threads(sandbox: Sandbox, members: readonly Container[]): number | undefined {
    const groups = [this.podGroup(sandbox), ...(hasParent(sandbox.config) ? [] : members.map((member) => this.containerGroup(member)))]
    const counts = groups.flatMap((group) => group?.processes.threads() ?? [])
    return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0)
  }

  #group(key: string, id: string, parent: boolean): Group | undefined {
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const record = this.#engine.tryRead(id)?.cgroup
    if (record === undefined || Object.keys(record.paths).length === 0) return undefined
    const group = new Group(placesOf(parent ? parentOf(record) : record))
    this.#groups.set(key, group)
    return group
  }

  /** Undefined for pods with the node’s network, and those that have stopped. */
  interfaces({ id, phase, netns, init }: Sandbox): Interface[] | undefined {
    if (phase !== 'ready' || netns === undefined || init === undefined) return undefined
    let file = this.#networks.get(id)
    if (file === undefined) {
      file = new NetworkFile(init)
      this.#networks.set(id, file)
    }
    return file.read()
  }

  /** Figures of the disk are there if they were asked for by `prepare`. */
  container(container: Container): MessageInitShape<typeof ContainerStatsSchema> {
    const { id, config } = container
    const group = this.containerGroup(container)
    const layer = this.layers.usage(id, this.upper(id))
    return {
      attributes: {
        id,
        ...(config.metadata === undefined ? {} : { metadata: config.metadata }),
        labels: config.labels,
        annotations: config.annotations,
      },
      ...(group === undefined ? {} : groupUsage(group)),
      ...(layer === undefined
        ? {}
        : {
            writableLayer: {
              timestamp: layer.at,
              fsId: { mountpoint: this.#cri.config.root },
              usedBytes: value(layer.bytes),
              inodesUsed: value(layer.inodes),
            },
          }),
    }
  }

  pod(sandbox: Sandbox, members: readonly Container[]): MessageInitShape<typeof PodSandboxStatsSchema> {
    const { id, config } = sandbox
    const group = this.podGroup(sandbox)
    const containers = members.map((member) => this.container(member))
    const own = group === undefined ? {} : groupUsage(group)
    const { cpu, memory, io } = hasParent(config) ? own : sumOf([own, ...containers])
    const interfaces = this.interfaces(sandbox)
    const threads = this.#threads(sandbox, members)
    return {
      attributes: {
        id,
        ...(config.metadata === undefined ? {} : { metadata: config.metadata }),
        labels: config.labels,
        annotations: config.annotations,
      },
      linux: {
        ...(cpu === undefined ? {} : { cpu }),
        ...(memory === undefined ? {} : { memory }),
        ...(io === undefined ? {} : { io }),
        ...(interfaces === undefined ? {} : { network: networkUsage(interfaces) }),
        ...(threads === undefined || cpu === undefined
          ? {}
          : { process: { processCount: value(threads), ...(cpu.timestamp === undefined ? {} : { timestamp: cpu.timestamp }) } }),
        containers,
      },
    }
  }

  /** Waits a moment for first figures of the disk. */
  async prepare(containers: readonly Container[]): Promise<void> {
    for (const { id } of containers) this.layers.usage(id, this.upper(id))
    await this.layers.settled(PATIENCE)
  }

  /** For loops over many: lets other calls have their turn now and then. */
  async giveWay(): Promise<void> {
    if (performance.now() - this.#turn < TURN) return
    await new Promise(setImmediate)
    this.#turn = performance.now()
  }

  /** Lets go of what is gone. */
  tidy(): void {
    const containers = new Set(this.#cri.containers.list().map(({ id }) => id))
    const ready = new Set(
      this.#cri.sandboxes
        .list()
        .filter(({ phase }) => phase === 'ready')
        .map(({ id }) => id),
    )
    this.layers.retain(containers)
    for (const [key, group] of this.#groups) {
      const there = key.startsWith('pod ') ? ready.has(key.slice('pod '.length)) : containers.has(key)
      if (there) continue
      group.close()
      this.#groups.delete(key)
    }
    for (const [id, file] of this.#networks) {
      if (ready.has(id)) continue
      file.close()
      this.#networks.delete(id)
    }
  }
}

const hasParent = ({ linux }: Sandbox['config']): boolean => (linux?.cgroupParent ?? '') !== ''

const all = new WeakMap<Cri, Stats>()

/** One for all calls: rates need what was read before. */
export const statsOf = (cri: Cri): Stats => {
  let stats = all.get(cri)
  if (stats === undefined) {
    stats = new Stats(cri)
    all.set(cri, stats)
  }
  return stats
}
