/** Limits and priorities: asm-generic/resource.h, linux/resource.h; prlimit(2), setpriority(2). */

/** Numbers by the name that the runtime-spec's `process.rlimits[].type` uses. */
export const RLIMITS = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const

export type RlimitName = keyof typeof RLIMITS

export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn

/** struct rlimit64 of prlimit64: two 64-bit fields. */
export const RLIMIT64 = { rlim_cur: 0, rlim_max: 8, size: 16 } as const

export const PRIO_PROCESS = 0
export const PRIO_PGRP = 1
export const PRIO_USER = 2
