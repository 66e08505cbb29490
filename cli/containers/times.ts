/** Times as they are written down: RFC 3339 with nanoseconds, UTC. */

/** @param nanoseconds since the epoch */
export const formatTime = (nanoseconds: bigint): string => {
  const milliseconds = nanoseconds / 1_000_000n
  const rest = String(nanoseconds % 1_000_000n).padStart(6, '0')
  return new Date(Number(milliseconds)).toISOString().replace('Z', `${rest}Z`)
}

/** The offset of the clock from the one that has nanoseconds. */
const offset = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint()

export const nanosecondsNow = (): bigint => process.hrtime.bigint() + offset

export const timeNow = (): string => formatTime(nanosecondsNow())

/** Milliseconds since the epoch. */
export const parseTime = (text: string): number => Date.parse(text)
