/**
 * runtime-spec 1.2, config-linux.md "Control groups". Byte counts and rates are `bigint`: they use all of their 64 bits.
 * Where 0 means "leave alone" to all runtimes (limits of memory, cpu, pids, weights), `parseResources` leaves the field out.
 */

export interface LinuxDeviceCgroup {
  readonly allow: boolean
  /** Absent: all types. */
  readonly type?: 'a' | 'b' | 'c' | undefined
  /** Absent: all. */
  readonly major?: number | undefined
  readonly minor?: number | undefined
  /** Letters of `rwm`, at least one. */
  readonly access: string
}

/** Bytes; -1 is unlimited. */
export interface LinuxMemory {
  readonly limit?: bigint | undefined
  readonly reservation?: bigint | undefined
  /** Memory plus swap. */
  readonly swap?: bigint | undefined
  /** Obsolete, ignored with a warning. */
  readonly kernel?: bigint | undefined
  /** Obsolete, ignored with a warning. */
  readonly kernelTCP?: bigint | undefined
  /** 0–100. */
  readonly swappiness?: number | undefined
  readonly disableOOMKiller?: boolean | undefined
  readonly useHierarchy?: boolean | undefined
  /** Refuse an update to a limit below the present usage. */
  readonly checkBeforeUpdate?: boolean | undefined
}

/** Times are in microseconds. */
export interface LinuxCPU {
  /** Relative weight of cgroup v1, 2–262144. */
  readonly shares?: number | undefined
  /** Per period; -1 is unlimited. */
  readonly quota?: number | undefined
  readonly burst?: number | undefined
  readonly period?: number | undefined
  readonly realtimeRuntime?: number | undefined
  readonly realtimePeriod?: number | undefined
  /** List format of cpuset(7): `0-3,7`. */
  readonly cpus?: string | undefined
  readonly mems?: string | undefined
  /** 1 makes the cgroup SCHED_IDLE; the kernel refuses all but 0 and 1. */
  readonly idle?: number | undefined
}

export interface LinuxPids {
  /** -1 is unlimited. */
  readonly limit: number
}

export interface LinuxBlockIODevice {
  readonly major: number
  readonly minor: number
}

export interface LinuxWeightDevice extends LinuxBlockIODevice {
  /** 10–1000; 0 takes a weight of the device's own away. */
  readonly weight?: number | undefined
  readonly leafWeight?: number | undefined
}

export interface LinuxThrottleDevice extends LinuxBlockIODevice {
  /** Bytes or operations per second; 0 is unlimited. */
  readonly rate: bigint
}

export interface LinuxBlockIO {
  /** 10–1000. */
  readonly weight?: number | undefined
  readonly leafWeight?: number | undefined
  readonly weightDevice?: readonly LinuxWeightDevice[] | undefined
  readonly throttleReadBpsDevice?: readonly LinuxThrottleDevice[] | undefined
  readonly throttleWriteBpsDevice?: readonly LinuxThrottleDevice[] | undefined
  readonly throttleReadIOPSDevice?: readonly LinuxThrottleDevice[] | undefined
  readonly throttleWriteIOPSDevice?: readonly LinuxThrottleDevice[] | undefined
}

export interface LinuxHugepageLimit {
  /** `64KB`, `2MB`, `1GB`: as in the names of the hugetlb controller's files. */
  readonly pageSize: string
  /** Bytes. */
  readonly limit: bigint
}

export interface LinuxInterfacePriority {
  readonly name: string
  readonly priority: number
}

/** cgroup v1 net_cls and net_prio. */
export interface LinuxNetwork {
  readonly classID?: number | undefined
  readonly priorities?: readonly LinuxInterfacePriority[] | undefined
}

export interface LinuxRdma {
  readonly hcaHandles?: number | undefined
  readonly hcaObjects?: number | undefined
}

export interface LinuxResources {
  readonly devices?: readonly LinuxDeviceCgroup[] | undefined
  readonly memory?: LinuxMemory | undefined
  readonly cpu?: LinuxCPU | undefined
  readonly pids?: LinuxPids | undefined
  readonly blockIO?: LinuxBlockIO | undefined
  readonly hugepageLimits?: readonly LinuxHugepageLimit[] | undefined
  readonly network?: LinuxNetwork | undefined
  /** By RDMA device name. */
  readonly rdma?: Readonly<Record<string, LinuxRdma>> | undefined
  /** cgroup v2 files by name: `memory.high`: `1073741824`. */
  readonly unified?: Readonly<Record<string, string>> | undefined
}
