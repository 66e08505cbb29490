/** Processes and scheduling: linux/sched.h, linux/sched/types.h; clone(2), sched_setattr(2). */

export const CSIGNAL = 0xff
export const CLONE_NEWTIME = 0x80
export const CLONE_VM = 0x100
export const CLONE_FS = 0x200
export const CLONE_FILES = 0x400
export const CLONE_SIGHAND = 0x800
export const CLONE_PIDFD = 0x1000
export const CLONE_PTRACE = 0x2000
export const CLONE_VFORK = 0x4000
export const CLONE_PARENT = 0x8000
export const CLONE_THREAD = 0x10000
export const CLONE_NEWNS = 0x20000
export const CLONE_SYSVSEM = 0x40000
export const CLONE_SETTLS = 0x80000
export const CLONE_PARENT_SETTID = 0x100000
export const CLONE_CHILD_CLEARTID = 0x200000
export const CLONE_DETACHED = 0x400000
export const CLONE_UNTRACED = 0x800000
export const CLONE_CHILD_SETTID = 0x1000000
export const CLONE_NEWCGROUP = 0x2000000
export const CLONE_NEWUTS = 0x4000000
export const CLONE_NEWIPC = 0x8000000
export const CLONE_NEWUSER = 0x10000000
export const CLONE_NEWPID = 0x20000000
export const CLONE_NEWNET = 0x40000000
export const CLONE_IO = 0x80000000

/** Only of clone3, and wider than the 32 bits that JavaScript's `|` keeps: hence bigints. */
export const CLONE_CLEAR_SIGHAND = 0x100000000n
export const CLONE_INTO_CGROUP = 0x200000000n

/** The namespace types of the runtime-spec and their flags for clone, unshare and setns. */
export const NAMESPACE_FLAGS = {
  mount: CLONE_NEWNS,
  pid: CLONE_NEWPID,
  network: CLONE_NEWNET,
  ipc: CLONE_NEWIPC,
  uts: CLONE_NEWUTS,
  user: CLONE_NEWUSER,
  cgroup: CLONE_NEWCGROUP,
  time: CLONE_NEWTIME,
} as const

/** struct clone_args: offsets of its 64-bit fields. CLONE_INTO_CGROUP needs VER2 (Linux 5.7), set_tid VER1 (5.5). */
export const CLONE_ARGS = {
  flags: 0,
  pidfd: 8,
  child_tid: 16,
  parent_tid: 24,
  exit_signal: 32,
  stack: 40,
  stack_size: 48,
  tls: 56,
  set_tid: 64,
  set_tid_size: 72,
  cgroup: 80,
} as const
export const CLONE_ARGS_SIZE_VER0 = 64
export const CLONE_ARGS_SIZE_VER1 = 80
export const CLONE_ARGS_SIZE_VER2 = 88

/** Policies by the name that the runtime-spec's `process.scheduler.policy` uses. SCHED_OTHER is the kernel's SCHED_NORMAL. */
export const SCHED_POLICIES = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
  SCHED_EXT: 7,
} as const

export const SCHED_FLAG_RESET_ON_FORK = 0x01
export const SCHED_FLAG_RECLAIM = 0x02
export const SCHED_FLAG_DL_OVERRUN = 0x04
export const SCHED_FLAG_KEEP_POLICY = 0x08
export const SCHED_FLAG_KEEP_PARAMS = 0x10
export const SCHED_FLAG_UTIL_CLAMP_MIN = 0x20
export const SCHED_FLAG_UTIL_CLAMP_MAX = 0x40

/** Flags by the name that the runtime-spec's `process.scheduler.flags` uses. */
export const SCHED_FLAGS = {
  SCHED_FLAG_RESET_ON_FORK,
  SCHED_FLAG_RECLAIM,
  SCHED_FLAG_DL_OVERRUN,
  SCHED_FLAG_KEEP_POLICY,
  SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_UTIL_CLAMP_MIN,
  SCHED_FLAG_UTIL_CLAMP_MAX,
} as const

/** struct sched_attr: offsets. Widths: size, sched_policy, sched_nice, sched_priority, sched_util_* 32 bits, the others 64. */
export const SCHED_ATTR = {
  size: 0,
  sched_policy: 4,
  sched_flags: 8,
  sched_nice: 16,
  sched_priority: 20,
  sched_runtime: 24,
  sched_deadline: 32,
  sched_period: 40,
  sched_util_min: 48,
  sched_util_max: 52,
} as const
export const SCHED_ATTR_SIZE_VER0 = 48
export const SCHED_ATTR_SIZE_VER1 = 56
