/** Clocks and timers: linux/time.h, linux/timerfd.h; clock_gettime(2), timerfd_create(2), time_namespaces(7). */

export const CLOCK_REALTIME = 0
export const CLOCK_MONOTONIC = 1
export const CLOCK_PROCESS_CPUTIME_ID = 2
export const CLOCK_THREAD_CPUTIME_ID = 3
export const CLOCK_MONOTONIC_RAW = 4
export const CLOCK_REALTIME_COARSE = 5
export const CLOCK_MONOTONIC_COARSE = 6
export const CLOCK_BOOTTIME = 7
export const CLOCK_TAI = 11

export const TIMER_ABSTIME = 0x1
export const TFD_TIMER_ABSTIME = 0x1
export const TFD_TIMER_CANCEL_ON_SET = 0x2
export const TFD_NONBLOCK = 0x800
export const TFD_CLOEXEC = 0x80000

/** 64-bit fields. */
export const TIMESPEC = { tv_sec: 0, tv_nsec: 8, size: 16 } as const
export const TIMEVAL = { tv_sec: 0, tv_usec: 8, size: 16 } as const
export const ITIMERSPEC = { it_interval: 0, it_value: 16, size: 32 } as const
