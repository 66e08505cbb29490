/** Times as CRI tells them: nanoseconds of CLOCK_REALTIME. */
import type { Nanoseconds } from './types.ts'

/** Of performance.timeOrigin, which is read once: later steps of the clock are those of Date. */
const fraction = (): bigint => process.hrtime.bigint() % 1_000_000n

/** Milliseconds are the clock's; what is below only tells what is close together apart. */
export const nanosecondsNow = (): Nanoseconds => BigInt(Date.now()) * 1_000_000n + fraction()
