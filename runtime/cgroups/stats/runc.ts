/** Statistics in the shape of `runc events --stats`, which shims and monitors parse: runc 1.3, types/events.go. */
import type { CpuStats, IoEntry, IoStats, MemoryCounter, Pressure, Stats } from './types.ts'

/** Numbers that a double cannot hold are bigint: write them with stringifyJson(). */
type Number64 = number | bigint

/** Go leaves out zeros and empty lists of fields marked so. */
type Optional<T> = T | undefined

export interface RuncMemoryEntry {
  readonly limit: Number64
  readonly usage: Optional<Number64>
  readonly max: Optional<Number64>
  readonly failcnt: Number64
}

export interface RuncBlkioEntry {
  readonly major: Optional<number>
  readonly minor: Optional<number>
  readonly op: Optional<string>
  readonly value: Optional<Number64>
}

export interface RuncStats {
  readonly cpu: {
    readonly usage: {
      readonly total: Optional<Number64>
      readonly percpu: Optional<readonly Number64[]>
      readonly percpu_kernel: Optional<readonly Number64[]>
      readonly percpu_user: Optional<readonly Number64[]>
      readonly kernel: Number64
      readonly user: Number64
    }
    readonly throttling: {
      readonly periods: Optional<Number64>
      readonly throttledPeriods: Optional<Number64>
      readonly throttledTime: Optional<Number64>
    }
    readonly psi: Optional<Pressure>
  }
  readonly cpuset: Readonly<Record<string, number | readonly number[] | undefined>>
  readonly memory: {
    readonly cache: Optional<Number64>
    readonly usage: RuncMemoryEntry
    readonly swap: RuncMemoryEntry
    readonly kernel: RuncMemoryEntry
    readonly kernelTCP: RuncMemoryEntry
    readonly raw: Optional<Readonly<Record<string, Number64>>>
    readonly psi: Optional<Pressure>
  }
  readonly pids: { readonly current: Optional<number>; readonly limit: Optional<number> }
  readonly blkio: {
    readonly ioServiceBytesRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly ioServicedRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly ioQueueRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly ioServiceTimeRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly ioWaitTimeRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly ioMergedRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly ioTimeRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly sectorsRecursive: Optional<readonly RuncBlkioEntry[]>
    readonly psi: Optional<Pressure>
  }
  readonly hugetlb: Readonly<
    Record<string, { readonly usage: Optional<Number64>; readonly max: Optional<Number64>; readonly failcnt: Number64 }>
  >
  readonly intel_rdt: Readonly<Record<string, never>>
  readonly network_interfaces: null
}

const number64 = (value: number): Number64 => (Number.isSafeInteger(value) ? value : BigInt(Math.floor(value)))

const some = (value: number | undefined): Optional<Number64> => (value === undefined || value === 0 ? undefined : number64(value))

const list = <T>(values: readonly T[] | undefined): Optional<readonly T[]> =>
  values === undefined || values.length === 0 ? undefined : values

/** What the kernel says for "no limit": of v1 the greatest number of whole pages, of v2 `max`, which runc reads as all ones. */
const UNLIMITED = { 1: 2n ** 63n - 4096n, 2: 2n ** 64n - 1n } as const

const memoryEntry = (counter: MemoryCounter | undefined, unlimited: bigint): RuncMemoryEntry => ({
  limit: counter === undefined ? 0 : counter.limit === undefined ? unlimited : number64(counter.limit),
  usage: some(counter?.usage),
  max: some(counter?.peak),
  failcnt: number64(counter?.failures ?? 0),
})

const cpu = (stats: CpuStats | undefined): RuncStats['cpu'] => ({
  usage: {
    total: some(stats?.total),
    percpu: list(stats?.perCpu?.map(number64)),
    percpu_kernel: list(stats?.perCpuSystem?.map(number64)),
    percpu_user: list(stats?.perCpuUser?.map(number64)),
    kernel: number64(stats?.system ?? 0),
    user: number64(stats?.user ?? 0),
  },
  throttling: {
    periods: some(stats?.throttling.periods),
    throttledPeriods: some(stats?.throttling.throttled),
    throttledTime: some(stats?.throttling.time),
  },
  psi: stats?.pressure,
})

const CPUSET_FLAGS = [
  'mem_hardwall',
  'mem_exclusive',
  'memory_migrate',
  'memory_spread_page',
  'memory_spread_slab',
  'memory_pressure',
  'sched_load_balance',
  'sched_relax_domain_level',
]

const cpuset = ({ cpuset: stats }: Stats): RuncStats['cpuset'] => ({
  cpus: list(stats?.cpus),
  cpu_exclusive: stats?.flags['cpu_exclusive'] ?? 0,
  mems: list(stats?.mems),
  ...Object.fromEntries(CPUSET_FLAGS.map((name) => [name, stats?.flags[name] ?? 0])),
})

const memory = ({ memory: stats, version }: Stats): RuncStats['memory'] => {
  const entry = (counter: MemoryCounter | undefined) => memoryEntry(counter, UNLIMITED[version])
  const raw = Object.entries(stats?.stat ?? {}).map(([key, value]) => [key, number64(value)] as const)
  return {
    cache: some(stats?.cache),
    usage: entry(stats?.usage),
    swap: entry(stats?.usageWithSwap),
    kernel: entry(stats?.kernel),
    kernelTCP: entry(stats?.kernelTcp),
    raw: raw.length === 0 ? undefined : Object.fromEntries(raw),
    psi: stats?.pressure,
  }
}

const blkio = (stats: IoStats | undefined): RuncStats['blkio'] => {
  const entries = (table: readonly IoEntry[] | undefined) =>
    list(
      table?.map(({ major, minor, operation, value }) => ({
        major: major || undefined,
        minor: minor || undefined,
        op: operation || undefined,
        value: some(value),
      })),
    )
  return {
    ioServiceBytesRecursive: entries(stats?.serviceBytes),
    ioServicedRecursive: entries(stats?.serviced),
    ioQueueRecursive: entries(stats?.queued),
    ioServiceTimeRecursive: entries(stats?.serviceTime),
    ioWaitTimeRecursive: entries(stats?.waitTime),
    ioMergedRecursive: entries(stats?.merged),
    ioTimeRecursive: entries(stats?.time),
    sectorsRecursive: entries(stats?.sectors),
    psi: stats?.pressure,
  }
}

/** The `data` of an event of type `stats`. */
export const runcStats = (stats: Stats): RuncStats => ({
  cpu: cpu(stats.cpu),
  cpuset: cpuset(stats),
  memory: memory(stats),
  pids: { current: stats.pids?.current || undefined, limit: stats.pids?.limit || undefined },
  blkio: blkio(stats.io),
  hugetlb: Object.fromEntries(
    Object.entries(stats.hugetlb).map(([size, { usage, peak, failures }]) => [
      size,
      { usage: some(usage), max: some(peak), failcnt: number64(failures) },
    ]),
  ),
  intel_rdt: {},
  network_interfaces: null,
})
