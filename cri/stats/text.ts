/** Values in the text of accounting files, cgroup-v2.rst "Interface Files": looked up one by one, because few of many are of interest. */
import type { Pressure, PressureLine } from '../../runtime/cgroups/stats/types.ts'

/** v1 says “no limit” with the greatest number of pages that fit into 63 bits, v2 with `max`. */
const NO_LIMIT = 2 ** 62

/** The file’s only number. The kernel has counters that are negative for a moment; they are 0. */
export const numberIn = (text: string | undefined): number | undefined => {
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  return Number.isNaN(value) ? undefined : Math.max(0, value)
}

/** Undefined: none. */
export const limitIn = (text: string | undefined): number | undefined => {
  const value = numberIn(text)
  return value === undefined || value >= NO_LIMIT ? undefined : value
}

/** The number in the line `key number`. */
export const numberAt = (text: string, key: string): number | undefined => {
  const line = `${key} `
  const at = text.startsWith(line) ? 0 : text.indexOf(`\n${line}`) + 1
  if (at === 0 && !text.startsWith(line)) return undefined
  const end = text.indexOf('\n', at)
  return numberIn(text.slice(at + line.length, end < 0 ? undefined : end))
}

const pressureLine = (text: string, name: string): PressureLine => {
  const [, avg10, avg60, avg300, total] =
    new RegExp(`^${name} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)`, 'm').exec(text) ?? []
  return { avg10: Number(avg10 ?? 0), avg60: Number(avg60 ?? 0), avg300: Number(avg300 ?? 0), total: Number(total ?? 0) }
}

/** Documentation/accounting/psi.rst; total in microseconds. */
export const pressureIn = (text: string | undefined): Pressure | undefined =>
  text === undefined || text === '' ? undefined : { some: pressureLine(text, 'some'), full: pressureLine(text, 'full') }
