/** Points in time as people write them on command lines. */
import { parseDuration } from './duration.ts'

/** Milliseconds since the epoch of a duration back from now (`24h`), a time (RFC 3339) or seconds since 1970; undefined for what is none. */
export const parseMoment = (text: string, now = Date.now()): number | undefined => {
  const duration = parseDuration(text)
  if (duration !== undefined) return now - duration
  const parsed = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  return Number.isNaN(parsed) ? undefined : parsed
}
