/** runtime-spec 1.2, config.md "Process". */
import type { IoprioClass } from '../sys/abi/ioprio.ts'
import type { RlimitName } from '../sys/abi/resource.ts'
import type { SCHED_FLAGS, SCHED_POLICIES } from '../sys/abi/sched.ts'

/** Characters. */
export interface ConsoleSize {
  readonly height: number
  readonly width: number
}

export interface User {
  readonly uid: number
  readonly gid: number
  readonly umask?: number | undefined
  readonly additionalGids?: readonly number[] | undefined
}

export type CapabilitySet = 'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient'

/** Names as in capabilities(7): `CAP_CHOWN`. */
export type LinuxCapabilities = Readonly<Partial<Record<CapabilitySet, readonly string[] | undefined>>>

/** getrlimit(2); 2^64 - 1 is RLIM_INFINITY. */
export interface Rlimit {
  readonly type: RlimitName
  readonly soft: bigint
  readonly hard: bigint
}

/** Not SCHED_ISO: the kernel has reserved its number and never implemented it. */
export type SchedulerPolicy = Exclude<keyof typeof SCHED_POLICIES, 'SCHED_ISO' | 'SCHED_EXT'>

export type SchedulerFlag = keyof typeof SCHED_FLAGS

/** sched_setattr(2); times in nanoseconds. */
export interface Scheduler {
  readonly policy: SchedulerPolicy
  readonly nice?: number | undefined
  readonly priority?: number | undefined
  readonly flags?: readonly SchedulerFlag[] | undefined
  readonly runtime?: number | undefined
  readonly deadline?: number | undefined
  readonly period?: number | undefined
}

/** ioprio_set(2); 0 is the highest priority, 7 the lowest. */
export interface LinuxIOPriority {
  readonly class: IoprioClass
  readonly priority: number
}

/** For exec'd processes: before and after they enter the container's cgroup. List format of cpuset(7). */
export interface CPUAffinity {
  readonly initial?: string | undefined
  readonly final?: string | undefined
}

export interface Process {
  readonly terminal?: boolean | undefined
  readonly consoleSize?: ConsoleSize | undefined
  readonly user: User
  /** At least one; none only in the NO_PROCESS of a config without `process`, which can be created but not run. */
  readonly args: readonly string[]
  /** `NAME=value`. */
  readonly env?: readonly string[] | undefined
  /** Absolute. */
  readonly cwd: string
  /** Absent: the process has none. */
  readonly capabilities?: LinuxCapabilities | undefined
  readonly rlimits?: readonly Rlimit[] | undefined
  readonly noNewPrivileges?: boolean | undefined
  readonly apparmorProfile?: string | undefined
  readonly selinuxLabel?: string | undefined
  /** -1000–1000, proc_pid_oom_score_adj(5). */
  readonly oomScoreAdj?: number | undefined
  readonly scheduler?: Scheduler | undefined
  readonly ioPriority?: LinuxIOPriority | undefined
  readonly execCPUAffinity?: CPUAffinity | undefined
}
