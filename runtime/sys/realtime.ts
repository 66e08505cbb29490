/** The clock on the wall, to the nanosecond: Date has milliseconds. */
import { CLOCK_REALTIME, TIMESPEC } from './abi/time.ts'
import { syscall } from './syscall.ts'

const timespec = Buffer.alloc(TIMESPEC.size)

/** CLOCK_REALTIME, clock_gettime(2): nanoseconds since the epoch. */
export const realtime = (): bigint => {
  syscall('clock_gettime', [CLOCK_REALTIME, timespec])
  return timespec.readBigInt64LE(TIMESPEC.tv_sec) * 1_000_000_000n + timespec.readBigInt64LE(TIMESPEC.tv_nsec)
}
