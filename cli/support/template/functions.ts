/** The functions of templates: Go’s own, and docker’s. They say what is wrong by throwing a `Problem`. */
import { goJson, goPrint, goPrintf, goText, type Value } from './go-text.ts'

/** What is wrong with a call; who knows the place makes a TemplateError of it. */
export class Problem extends Error {}

type Fn = (...args: readonly Value[]) => Value

interface Definition {
  /** Least and highest number of arguments. */
  readonly count: readonly [number, number]
  readonly call: Fn
}

/** Go’s truth: zero values are false. Structs are true. */
export const truth = (value: Value): boolean => {
  if (value === undefined || value === null || value === false || value === '') return false
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0
  if (Array.isArray(value)) return value.length > 0
  return !(value instanceof Map) || value.size > 0
}

const text = (value: Value, of: string): string => {
  if (typeof value !== 'string') throw new Problem(`${of} wants a text, not ${goText(value)}`)
  return value
}

const whole = (value: Value, of: string): number => {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new Problem(`${of} wants a whole number, not ${goText(value)}`)
  return value
}

const length = (value: Value): number => {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  if (value instanceof Map) return value.size
  throw new Problem(`len wants a text, a list or a map, not ${goText(value)}`)
}

/** What a map has no entry for is empty, in the kind of its other values. */
const missing = (map: ReadonlyMap<Value, Value>): Value => (typeof map.values().next().value === 'string' ? '' : undefined)

const index = (value: Value, ...keys: readonly Value[]): Value =>
  keys.reduce((item, key) => {
    if (item instanceof Map) return item.has(key) ? item.get(key) : missing(item)
    if (item === undefined || item === null) throw new Problem('index of nil')
    if (typeof item === 'object' && !Array.isArray(item)) {
      if (typeof key === 'string' && Object.hasOwn(item, key)) return (item as Record<string, Value>)[key]
      throw new Problem(`index: there is no ${goText(key)}`)
    }
    const at = whole(key, 'index')
    const items = typeof item === 'string' ? [...Buffer.from(item)] : item
    if (!Array.isArray(items)) throw new Problem(`index wants a list or a map, not ${goText(item)}`)
    if (at < 0 || at >= items.length) throw new Problem(`index ${at} is out of range: there are ${items.length}`)
    return items[at]
  }, value)

const slice = (value: Value, from: Value = 0, to?: Value): Value => {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new Problem(`slice wants a text or a list, not ${goText(value)}`)
  const bytes = typeof value === 'string' ? Buffer.from(value) : undefined
  const size = bytes?.length ?? value.length
  const [start, end] = [whole(from, 'slice'), to === undefined ? size : whole(to, 'slice')]
  if (start < 0 || end > size || start > end) throw new Problem(`slice ${start}:${end} is out of range: there are ${size}`)
  return bytes === undefined ? value.slice(start, end) : bytes.subarray(start, end).toString()
}

const isNumber = (value: Value): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'

const nothing = (value: Value): boolean => value === undefined || value === null

const equal = (a: Value, b: Value): boolean => {
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b)
  if (nothing(a) || nothing(b)) return nothing(a) && nothing(b)
  if (typeof a !== typeof b || typeof a === 'object') throw new Problem(`${goText(a)} and ${goText(b)} cannot be compared`)
  return a === b
}

const less = (a: Value, b: Value): boolean => {
  if (isNumber(a) && isNumber(b)) return a < b
  if (typeof a === 'string' && typeof b === 'string') return a < b
  throw new Problem(`${goText(a)} and ${goText(b)} cannot be compared`)
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

const title = (value: Value): string =>
  text(value, 'title').replace(/(^|[^\p{L}\p{Nd}'])(\p{L})/gu, (_whole, before: string, letter: string) => before + letter.toUpperCase())

const pad = (value: Value, before: Value, after: Value): string => {
  const padded = text(value, 'pad')
  return padded === '' ? '' : ' '.repeat(Math.max(0, whole(before, 'pad'))) + padded + ' '.repeat(Math.max(0, whole(after, 'pad')))
}

const join = (list: Value, separator: Value): string => {
  if (nothing(list)) return ''
  if (!Array.isArray(list)) throw new Problem(`join wants a list, not ${goText(list)}`)
  return list.map(goText).join(text(separator, 'join'))
}

const MANY = Number.POSITIVE_INFINITY

/** By name. `and` and `or` are not here: they leave arguments alone once they know. */
export const FUNCTIONS: Readonly<Record<string, Definition>> = {
  json: { count: [1, 1], call: (value) => goJson(value) },
  lower: { count: [1, 1], call: (value) => text(value, 'lower').toLowerCase() },
  upper: { count: [1, 1], call: (value) => text(value, 'upper').toUpperCase() },
  title: { count: [1, 1], call: title },
  join: { count: [2, 2], call: join },
  split: { count: [2, 2], call: (value, separator) => text(value, 'split').split(text(separator, 'split')) },
  pad: { count: [3, 3], call: pad },
  truncate: { count: [2, 2], call: (value, size) => [...text(value, 'truncate')].slice(0, Math.max(0, whole(size, 'truncate'))).join('') },
  len: { count: [1, 1], call: length },
  index: { count: [1, MANY], call: index },
  slice: { count: [1, 3], call: slice },
  not: { count: [1, 1], call: (value) => !truth(value) },
  eq: { count: [2, MANY], call: (first, ...others) => others.some((other) => equal(first, other)) },
  ne: { count: [2, 2], call: (a, b) => !equal(a, b) },
  lt: { count: [2, 2], call: less },
  le: { count: [2, 2], call: (a, b) => less(a, b) || equal(a, b) },
  gt: { count: [2, 2], call: (a, b) => less(b, a) },
  ge: { count: [2, 2], call: (a, b) => less(b, a) || equal(a, b) },
  print: { count: [0, MANY], call: (...args) => goPrint(args) },
  printf: { count: [1, MANY], call: (format, ...args) => goPrintf(text(format, 'printf'), args) },
  println: { count: [0, MANY], call: (...args) => `${args.map(goText).join(' ')}\n` },
  html: { count: [1, MANY], call: (...args) => goPrint(args).replace(/[&<>"']/g, (character) => HTML[character]!) },
  urlquery: { count: [1, MANY], call: (...args) => encodeURIComponent(goPrint(args)).replaceAll('%20', '+') },
}

export const NAMES: ReadonlySet<string> = new Set([...Object.keys(FUNCTIONS), 'and', 'or'])
