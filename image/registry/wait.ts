/** Waiting between tries. */
import { setTimeout } from 'node:timers/promises'
import { WherryError } from '../../runtime/errors.ts'
import type { Limits } from './options.ts'

/** Throws what the caller cancelled with. */
export const checkSignal = (signal: AbortSignal | undefined, name: string): void => {
  if (signal?.aborted !== true) return
  throw signal.reason instanceof WherryError ? signal.reason : new WherryError('cancelled', `${name}: cancelled`, { cause: signal.reason })
}

export const sleep = async (milliseconds: number, signal: AbortSignal | undefined, name: string): Promise<void> => {
  try {
    await setTimeout(milliseconds, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    checkSignal(signal, name)
    throw error
  }
}

/** Milliseconds before the try after `failures` failures: doubled each time, and a random half of it, so that clients part. */
export const backOff = (
  failures: number,
  { firstWait, longestWait }: Pick<Limits, 'firstWait' | 'longestWait'>,
  random = Math.random(),
): number => {
  const whole = Math.min(longestWait, firstWait * 2 ** Math.min(failures - 1, 30))
  return whole / 2 + (whole / 2) * random
}

/** RFC 9110, section 10.2.3: seconds, or a date. Milliseconds from `now`; undefined for what is neither. */
export const retryAfter = (header: string | null, now = Date.now()): number | undefined => {
  const text = header?.trim() ?? ''
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1000
  // all three forms of HTTP dates begin with the day of the week
  if (!/^[A-Za-z]{3,9},? /.test(text) || text.length > 40) return undefined
  const at = Date.parse(/GMT$|[+-]\d{4}$/.test(text) ? text : `${text} GMT`)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
