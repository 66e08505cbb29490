/** Durations as Go’s time.ParseDuration reads them: `1h15m30.5s`, `100ms`; a bare number has no unit and is refused, but 0. */

const MILLISECONDS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 }

/** Milliseconds, undefined for what is no duration. */
export const parseDuration = (text: string): number | undefined => {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined
  let total = 0
  for (const [, number, unit] of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) total += Number(number) * MILLISECONDS[unit!]!
  return sign === '-' ? -total : total
}
