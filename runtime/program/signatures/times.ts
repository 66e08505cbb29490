/** Clocks and timers: clock_gettime(2), nanosleep(2), timerfd_create(2). */
import * as time from '../../sys/abi/time.ts'
import { ITIMERSPEC, TIMESPEC } from '../../sys/abi/time.ts'
import { enumeration, flags, pick } from './constants.ts'
import { fd, long, out, outOf, type Signature } from './kind.ts'
import { layout, struct } from './struct.ts'

const TIMESPEC_FIELDS = layout([
  ['tv_sec', TIMESPEC.tv_sec, 8, long, 'always'],
  ['tv_nsec', TIMESPEC.tv_nsec, 8, long],
])
export const timespec = struct(TIMESPEC_FIELDS)
const timespecOut = outOf(TIMESPEC_FIELDS)

const itimerspec = struct(
  layout([
    ['it_interval.tv_sec', ITIMERSPEC.it_interval, 8, long],
    ['it_interval.tv_nsec', ITIMERSPEC.it_interval + 8, 8, long],
    ['it_value.tv_sec', ITIMERSPEC.it_value, 8, long, 'always'],
    ['it_value.tv_nsec', ITIMERSPEC.it_value + 8, 8, long],
  ]),
)

const clockid = enumeration(pick(time, /^CLOCK_/))

export const TIMES = {
  nanosleep: { duration: timespec, rem: timespecOut },
  clock_nanosleep: { clockid, flags: flags(pick(time, /^TIMER_ABSTIME$/)), t: timespec, remain: timespecOut },
  clock_gettime: { clockid, tp: timespecOut },
  clock_settime: { clockid, tp: timespec },
  clock_getres: { clockid, res: timespecOut },
  timerfd_create: { clockid, flags: flags(pick(time, /^TFD_(NONBLOCK|CLOEXEC)$/)) },
  timerfd_settime: { fd, flags: flags(pick(time, /^TFD_TIMER_/)), new_value: itimerspec, old_value: out },
  timerfd_gettime: { fd, curr_value: out },
} as const satisfies Readonly<Record<string, Signature>>
