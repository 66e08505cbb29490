/** runtime-spec 1.2, config.md "Process". */

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

export type RlimitType =
  | 'RLIMIT_CPU'
  | 'RLIMIT_FSIZE'
  | 'RLIMIT_DATA'
  | 'RLIMIT_STACK'
  | 'RLIMIT_CORE'
  | 'RLIMIT_RSS'
  | 'RLIMIT_NPROC'
  | 'RLIMIT_NOFILE'
  | 'RLIMIT_MEMLOCK'
  | 'RLIMIT_AS'
  | 'RLIMIT_LOCKS'
  | 'RLIMIT_SIGPENDING'
  | 'RLIMIT_MSGQUEUE'
  | 'RLIMIT_NICE'
  | 'RLIMIT_RTPRIO'
  | 'RLIMIT_RTTIME'

/** getrlimit(2); 2^64 - 1 is RLIM_INFINITY. */
export interface Rlimit {
  readonly type: RlimitType
  readonly soft: bigint
  readonly hard: bigint
}

export type SchedulerPolicy = 'SCHED_OTHER' | 'SCHED_FIFO' | 'SCHED_RR' | 'SCHED_BATCH' | 'SCHED_ISO' | 'SCHED_IDLE' | 'SCHED_DEADLINE'

export type SchedulerFlag =
  | 'SCHED_FLAG_RESET_ON_FORK'
  | 'SCHED_FLAG_RECLAIM'
  | 'SCHED_FLAG_DL_OVERRUN'
  | 'SCHED_FLAG_KEEP_POLICY'
  | 'SCHED_FLAG_KEEP_PARAMS'
  | 'SCHED_FLAG_UTIL_CLAMP_MIN'
  | 'SCHED_FLAG_UTIL_CLAMP_MAX'

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
  readonly class: 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE'
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
  /** At least one. */
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
