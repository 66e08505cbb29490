/** The formats of accounting files, cgroup-v2.rst "Interface Files". A file or line that is not there is undefined or absent. */
import { tryReadCgroupFile } from '../file.ts'
import { isErrno } from '../../sys/error.ts'
import type { Pressure, PressureLine } from './types.ts'

/** The kernel has counters that are negative for a moment; they are 0. */
const toNumber = (text: string): number => Math.max(0, Number(text))

/** One number; Infinity for `max`. */
export const readNumber = (dir: string, file: string): number | undefined => {
  const text = tryReadCgroupFile(dir, file)?.trim()
  return text === undefined || text === '' ? undefined : text === 'max' ? Number.POSITIVE_INFINITY : toNumber(text)
}

/** Numbers separated by blanks. */
export const readNumbers = (dir: string, file: string): readonly number[] | undefined =>
  tryReadCgroupFile(dir, file)?.split(/\s+/).filter(Boolean).map(toNumber)

/** Lines of a key and a number. */
export const readFlat = (dir: string, file: string): Readonly<Record<string, number>> | undefined => {
  const text = tryReadCgroupFile(dir, file)
  if (text === undefined) return undefined
  const values: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const blank = line.indexOf(' ')
    if (blank > 0) values[line.slice(0, blank)] = toNumber(line.slice(blank + 1))
  }
  return values
}

/** Lines of a key and `name=value` pairs; the pairs as they are. */
export const readNested = (dir: string, file: string): ReadonlyMap<string, ReadonlyMap<string, string>> | undefined => {
  const text = tryReadCgroupFile(dir, file)
  if (text === undefined) return undefined
  const lines = text.split('\n').filter((line) => line !== '')
  return new Map(
    lines.map((line) => {
      const [key, ...pairs] = line.split(' ')
      return [key!, new Map(pairs.map((pair) => pair.split('=') as [string, string]))]
    }),
  )
}

/** A list as in cpuset(7), `0-2,5`, expanded. */
export const readList = (dir: string, file: string): readonly number[] | undefined =>
  tryReadCgroupFile(dir, file)
    ?.trim()
    .split(',')
    .filter(Boolean)
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number)
      return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i)
    })

const NO_PRESSURE: PressureLine = { avg10: 0, avg60: 0, avg300: 0, total: 0 }

/** Undefined where pressure is not accounted for, Documentation/accounting/psi.rst. */
export const readPressure = (dir: string, file: string): Pressure | undefined => {
  let lines: ReturnType<typeof readNested>
  try {
    lines = readNested(dir, file)
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) return undefined
    throw error
  }
  const line = (key: string): PressureLine => {
    const pairs = lines?.get(key)
    if (pairs === undefined) return NO_PRESSURE
    const value = (name: string) => Number(pairs.get(name) ?? 0)
    return { avg10: value('avg10'), avg60: value('avg60'), avg300: value('avg300'), total: value('total') }
  }
  return lines === undefined ? undefined : { some: line('some'), full: line('full') }
}
