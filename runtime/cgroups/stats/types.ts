/** One reading of all accounting files of a cgroup. What the kernel does not offer is absent. */

/** One line of a *.pressure file, Documentation/accounting/psi.rst: share of time in percent, `total` in microseconds. */
export interface PressureLine {
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  readonly total: number
}

export interface Pressure {
  readonly some: PressureLine
  readonly full: PressureLine
}

/** Times in nanoseconds of CPU time since the cgroup exists. */
export interface CpuStats {
  readonly total: number
  readonly user: number
  readonly system: number
  /** By CPU number; v1 only. */
  readonly perCpu?: readonly number[]
  readonly perCpuUser?: readonly number[]
  readonly perCpuSystem?: readonly number[]
  /** Periods of the bandwidth limit that passed, how many of them were throttled, and for how long (nanoseconds). */
  readonly throttling: { readonly periods: number; readonly throttled: number; readonly time: number }
  readonly bursts: { readonly periods: number; readonly time: number }
  readonly pressure?: Pressure
}

/** cpuset files by their names without the prefix, as numbers; lists are expanded. v1 only. */
export interface CpusetStats {
  readonly cpus: readonly number[]
  readonly mems: readonly number[]
  readonly flags: Readonly<Record<string, number>>
}

/** Bytes. `limit` is absent where there is none. */
export interface MemoryCounter {
  readonly usage: number
  readonly peak: number
  readonly failures: number
  readonly limit?: number
}

export interface MemoryStats {
  readonly usage: MemoryCounter
  /** Memory and swap together, as v1 counts. */
  readonly usageWithSwap?: MemoryCounter
  readonly swap?: MemoryCounter
  readonly kernel?: MemoryCounter
  readonly kernelTcp?: MemoryCounter
  /** Page cache, bytes. */
  readonly cache: number
  /** What cannot be dropped at once: usage without the inactive page cache, as kubelet and docker count. Bytes. */
  readonly workingSet: number
  /** memory.stat as it is. */
  readonly stat: Readonly<Record<string, number>>
  readonly oomKills: number
  readonly pressure?: Pressure
}

export interface PidsStats {
  readonly current: number
  readonly limit?: number
}

/** One number of a block device: `operation` is Read, Write, Sync, Async, Discard, Total, or '' where the file has none. */
export interface IoEntry {
  readonly major: number
  readonly minor: number
  readonly operation: string
  readonly value: number
}

/** By blkio's names; v2 has the first two only. */
export interface IoStats {
  readonly serviceBytes: readonly IoEntry[]
  readonly serviced: readonly IoEntry[]
  readonly queued: readonly IoEntry[]
  readonly serviceTime: readonly IoEntry[]
  readonly waitTime: readonly IoEntry[]
  readonly merged: readonly IoEntry[]
  readonly time: readonly IoEntry[]
  readonly sectors: readonly IoEntry[]
  readonly pressure?: Pressure
}

export interface HugetlbStats {
  readonly usage: number
  readonly peak: number
  readonly failures: number
}

/** Without a limit: absent. */
export interface RdmaEntry {
  readonly handles?: number
  readonly objects?: number
}

export interface Stats {
  /** Which generation of cgroups the numbers are from. */
  readonly version: 1 | 2
  readonly cpu?: CpuStats
  readonly cpuset?: CpusetStats
  readonly memory?: MemoryStats
  readonly pids?: PidsStats
  readonly io?: IoStats
  /** By page size: `2MB`. */
  readonly hugetlb: Readonly<Record<string, HugetlbStats>>
  /** By device. */
  readonly rdma: Readonly<Record<string, { readonly current: RdmaEntry; readonly limit: RdmaEntry }>>
}
