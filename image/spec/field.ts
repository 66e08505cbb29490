/**
 * Readers of JSON values: each takes a value and its place, gives the value back with its type, or throws InvalidField. A place begins with
 * the name of the document: `manifest sha256:…: layers[2].size`.
 */
import { InvalidField } from '../../runtime/errors.ts'
import { type Digest, parseDigest } from '../digest.ts'
import { quoted } from './printable.ts'

export type JsonObject = Readonly<Record<string, unknown>>
export type Parse<T> = (value: unknown, path: string) => T

/** Ends the name of the document, which is the place of its outermost value. */
const ROOT = ': '

export const rootPath = (what: string): string => what + ROOT

/** How a wrong value is named in a message: escaped, and cut. */
export const show = (value: unknown): string => {
  if (value === undefined || value === null) return 'missing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (typeof value !== 'string') return String(value)
  return quoted(value)
}

export const invalid = (path: string, problem: string): InvalidField =>
  new InvalidField(path.endsWith(ROOT) ? path.slice(0, -ROOT.length) : path, problem)

export const wrong = (path: string, allowed: string, value: unknown): InvalidField => invalid(path, `must be ${allowed}, is ${show(value)}`)

export const join = (path: string, key: string): string => (path.endsWith(ROOT) ? path + key : `${path}.${key}`)

const entryPath = (path: string, key: string): string => `${path}[${show(key)}]`

export const object: Parse<JsonObject> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object', value)
  return value as JsonObject
}

/** As it may go to the kernel: no NUL byte, no half of a surrogate pair. */
export const text: Parse<string> = (value, path) => {
  if (typeof value !== 'string') throw wrong(path, 'a string', value)
  if (value.includes('\0')) throw invalid(path, 'must not have a NUL byte')
  if (!value.isWellFormed()) throw invalid(path, 'must be well-formed Unicode')
  return value
}

const CONTROL = /\p{Cc}/u

/** Without control characters, for what ends up in files of lines, in keys, or before a person. */
export const line: Parse<string> = (value, path) => {
  const string = text(value, path)
  if (CONTROL.test(string)) throw invalid(path, `must not have control characters, is ${show(string)}`)
  return string
}

export const boolean: Parse<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw wrong(path, 'true or false', value)
  return value
}

export const integer =
  (min: number, max: number): Parse<number> =>
  (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw wrong(path, `a whole number from ${min} to ${max}`, value)
    return value
  }

export const digest: Parse<Digest> = (value, path) => {
  if (typeof value !== 'string') throw wrong(path, 'a digest', value)
  return parseDigest(value, path)
}

export const list =
  <T>(item: Parse<T>, most = Number.POSITIVE_INFINITY): Parse<readonly T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw wrong(path, 'a list', value)
    if (value.length > most) throw invalid(path, `must have at most ${most} entries, has ${value.length}`)
    return value.map((entry, index) => item(entry, `${path}[${index}]`))
  }

/** A map with keys of the image’s choice. */
export const map =
  <T>(item: Parse<T>): Parse<Readonly<Record<string, T>>> =>
  (value, path) =>
    Object.fromEntries(
      Object.entries(object(value, path)).map(([key, entry]) => {
        const at = entryPath(path, key)
        return [line(key, at), item(entry, at)]
      }),
    )

/** Go’s `map[string]struct{}`: a set, as the list of its keys. */
export const keys: Parse<readonly string[]> = (value, path) =>
  Object.keys(object(value, path)).map((key) => line(key, entryPath(path, key)))

/** A field that must be there. */
export const required = <T>(from: JsonObject, path: string, key: string, parse: Parse<T>): T =>
  parse(Object.hasOwn(from, key) ? from[key] : undefined, join(path, key))

/** A field that may be missing, which null and the empty string are too: so do Go’s encoders write what is not set. */
export const optional = <K extends string, T>(from: JsonObject, path: string, key: K, parse: Parse<T>): { readonly [P in K]?: T } => {
  const value = Object.hasOwn(from, key) ? from[key] : undefined
  if (value === undefined || value === null || value === '') return {}
  return { [key]: parse(value, join(path, key)) } as { readonly [P in K]?: T }
}

/** Refuses keys that others might read as one of `names`: Go’s decoder takes `Layers` for `layers`. */
export const noLookalikes = (from: JsonObject, path: string, names: readonly string[]): void => {
  const meant = new Map(names.map((name) => [name.toLowerCase(), name]))
  for (const key of Object.keys(from)) {
    const name = meant.get(key.toLowerCase())
    if (name !== undefined && name !== key)
      throw invalid(path, `has ${show(key)}, which some would read as ${show(name)} and others would not`)
  }
}
