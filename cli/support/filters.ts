/** `--filter KEY=VALUE`: values of one key are alternatives, except where a list says otherwise; keys narrow down together. */
import { nearest } from './nearest.ts'
import { UsageError } from './parse.ts'

export type Filters = ReadonlyMap<string, readonly string[]>

/** @throws UsageError naming what there is */
export const parseFilters = (given: readonly string[], keys: readonly string[]): Filters => {
  const filters = new Map<string, string[]>()
  for (const text of given) {
    const [, key = text, value] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? []
    if (!keys.includes(key)) {
      const guess = nearest(key, keys)
      throw new UsageError(
        `--filter ${JSON.stringify(text)}: there is no filter ${JSON.stringify(key)}${guess === undefined ? '' : `: did you mean ${guess}?`} (there are ${keys.join(', ')})`,
      )
    }
    if (value === undefined) throw new UsageError(`--filter ${JSON.stringify(text)}: a value is wanted: ${key}=…`)
    filters.set(key, [...(filters.get(key) ?? []), value])
  }
  return filters
}

/** Go’s strconv.ParseBool, as docker reads `dangling`. */
export const booleanFilter = (key: string, values: readonly string[]): boolean => {
  const read = values.map((value) => {
    if (/^(1|t|true)$/i.test(value)) return true
    if (/^(0|f|false)$/i.test(value)) return false
    throw new UsageError(`--filter ${key}=${value}: true or false is wanted`)
  })
  if (new Set(read).size > 1) throw new UsageError(`--filter ${key}: both true and false are given`)
  return read[0]!
}

/** `KEY` or `KEY=VALUE`, all of which the labels must have. */
export const matchesLabels = (labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean =>
  wanted.every((text) => {
    const equals = text.indexOf('=')
    const key = equals < 0 ? text : text.slice(0, equals)
    return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === text.slice(equals + 1))
  })
