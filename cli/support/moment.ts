/** Points in time as people write them on command lines. */
import { parseDuration } from './duration.ts'

/** Milliseconds since the epoch of a duration back from now (`24h`), a time (RFC 3339) or seconds since 1970; undefined for what is none. */
export const parseMoment = (text: string, now = Date.now()): number | undefined => {
  const duration = parseDuration(text)
  if (duration !== undefined) return now - duration
  const parsed = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  return Number.isNaN(parsed) ? undefined : parsed
}

/** Nine digits behind the point, `.5` as 500,000,000. */
const fraction = (digits: string | undefined): bigint => BigInt((digits ?? '').padEnd(9, '0').slice(0, 9))

/** The same in nanoseconds, all digits that were written counted. */
export const parseMomentExactly = (text: string, now = Date.now()): bigint | undefined => {
  const [, seconds, digits] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (seconds !== undefined && parseDuration(text) === undefined) return BigInt(seconds) * 1_000_000_000n + fraction(digits)
  const moment = parseMoment(text, now)
  if (moment === undefined) return undefined
  const [, written] = /T\d\d:\d\d:\d\d\.(\d+)/i.exec(text) ?? []
  return written === undefined
    ? BigInt(Math.round(moment * 1000)) * 1000n
    : BigInt(Math.floor(moment / 1000)) * 1_000_000_000n + fraction(written)
}

/** The flag’s value, in nanoseconds since the epoch. @throws the problem in words by `wrong` */
export const readMoment = (flag: string, text: string | undefined, wrong: (problem: string) => Error): bigint | undefined => {
  if (text === undefined || text === '') return undefined
  const moment = parseMomentExactly(text)
  if (moment !== undefined) return moment
  throw wrong(`--${flag} ${JSON.stringify(text)}: a time like 2024-01-31T12:00:00Z, seconds since 1970, or how long ago (10m) is wanted`)
}
