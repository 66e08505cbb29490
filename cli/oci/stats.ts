/** The numbers of a container as runc’s `events` prints them: the fields of its types.Stats, in their order. */
import type { HugetlbStats, IoEntry, MemoryCounter, Pressure, Stats } from '../../runtime/cgroups/stats/types.ts'

/** Go leaves out a zero or an empty list where the field is `omitempty`. */
const some = <T extends number | readonly unknown[]>(value: T | undefined): T | undefined =>
  value === undefined || value === 0 || (typeof value === 'object' && value.length === 0) ? undefined : value

const byKey = <T, U>(entries: Readonly<Record<string, T>>, convert: (entry: T) => U): Readonly<Record<string, U>> =>
  Object.fromEntries(
    Object.entries(entries)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => [key, convert(entry)]),
  )

/** What the kernel’s files say where there is no limit: v1 the largest multiple of a page, v2 `max`, which runc shows as 2^64 - 1. */
const NO_LIMIT = { 1: 9223372036854771712n, 2: 18446744073709551615n } as const

const memoryEntry = (counter: MemoryCounter | undefined, version: 1 | 2): object => ({
  limit: counter === undefined ? 0 : (counter.limit ?? NO_LIMIT[version]),
  usage: some(counter?.usage),
  max: some(counter?.peak),
  failcnt: counter?.failures ?? 0,
})

const ioEntry = ({ major, minor, operation, value }: IoEntry): object => ({
  major: some(major),
  minor: some(minor),
  op: operation === '' ? undefined : operation,
  value: some(value),
})

const ioEntries = (entries: readonly IoEntry[] | undefined): readonly object[] | undefined => some((entries ?? []).map(ioEntry))

const hugetlbEntry = ({ usage, peak, failures }: HugetlbStats): object => ({ usage: some(usage), max: some(peak), failcnt: failures })

const pressure = (lines: Pressure | undefined): object | undefined =>
  lines === undefined ? undefined : { some: lines.some, full: lines.full }

const CPUSET_FLAGS = [
  'mem_hardwall',
  'mem_exclusive',
  'memory_migrate',
  'memory_spread_page',
  'memory_spread_slab',
  'memory_pressure',
  'sched_load_balance',
  'sched_relax_domain_level',
] as const

export const shownStats = ({ version, cpu, cpuset, memory, pids, io, hugetlb }: Stats): object => ({
  cpu: {
    usage: {
      total: some(cpu?.total),
      percpu: some(cpu?.perCpu),
      percpu_kernel: some(cpu?.perCpuSystem),
      percpu_user: some(cpu?.perCpuUser),
      kernel: cpu?.system ?? 0,
      user: cpu?.user ?? 0,
    },
    throttling: {
      periods: some(cpu?.throttling.periods),
      throttledPeriods: some(cpu?.throttling.throttled),
      throttledTime: some(cpu?.throttling.time),
    },
    psi: pressure(cpu?.pressure),
  },
  cpuset: {
    cpus: some(cpuset?.cpus),
    cpu_exclusive: cpuset?.flags['cpu_exclusive'] ?? 0,
    mems: some(cpuset?.mems),
    ...Object.fromEntries(CPUSET_FLAGS.map((flag) => [flag, cpuset?.flags[flag] ?? 0])),
  },
  memory: {
    cache: some(memory?.cache),
    usage: memoryEntry(memory?.usage, version),
    swap: memoryEntry(memory?.usageWithSwap, version),
    kernel: memoryEntry(memory?.kernel, version),
    kernelTCP: memoryEntry(memory?.kernelTcp, version),
    raw: memory === undefined || Object.keys(memory.stat).length === 0 ? undefined : byKey(memory.stat, (value) => value),
    psi: pressure(memory?.pressure),
  },
  pids: { current: some(pids?.current), limit: some(pids?.limit) },
  blkio: {
    ioServiceBytesRecursive: ioEntries(io?.serviceBytes),
    ioServicedRecursive: ioEntries(io?.serviced),
    ioQueueRecursive: ioEntries(io?.queued),
    ioServiceTimeRecursive: ioEntries(io?.serviceTime),
    ioWaitTimeRecursive: ioEntries(io?.waitTime),
    ioMergedRecursive: ioEntries(io?.merged),
    ioTimeRecursive: ioEntries(io?.time),
    sectorsRecursive: ioEntries(io?.sectors),
    psi: pressure(io?.pressure),
  },
  hugetlb: byKey(hugetlb, hugetlbEntry),
  // runc fills these in only for Intel RDT and for networks of its own, which neither of us has
  intel_rdt: {},
  network_interfaces: null,
})
