/**
 * Readers of JSON values: each takes a value and its JSON path, gives the value back with its type, or throws InvalidField with what is
 * allowed there. Written as plain checks because every start of a container passes through them.
 */
import { isAbsolute, resolve } from 'node:path'
import { InvalidField } from '../errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** A value at a JSON path, checked. */
export type Parse<T> = (value: unknown, path: string) => T

const SHOWN = 80

/** How a wrong value is named in a message; long strings are cut. */
export const show = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (typeof value !== 'string') return String(value)
  return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value)
}

export const wrong = (path: string, allowed: string, value: unknown): InvalidField =>
  new InvalidField(path, `must be ${allowed}, is ${show(value)}`)

/** Path of a fixed field of an object. */
export const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Path of an entry of a map, whose key may be anything: `annotations["a.b"]`. */
export const entryPath = (path: string, key: string): string => (PLAIN_KEY.test(key) ? join(path, key) : `${path}[${JSON.stringify(key)}]`)

export const object: Parse<JsonObject> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object', value)
  return value as JsonObject
}

export const boolean: Parse<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw wrong(path, 'true or false', value)
  return value
}

/** A string that can go to the kernel: without a NUL byte. */
export const text: Parse<string> = (value, path) => {
  if (typeof value !== 'string') throw wrong(path, 'a string', value)
  if (value.includes('\0')) throw new InvalidField(path, 'must not contain a NUL byte')
  return value
}

export const nonEmpty: Parse<string> = (value, path) => {
  if (text(value, path) === '') throw new InvalidField(path, 'must not be empty')
  return value as string
}

/** A string without control characters, for what ends up in line-oriented files. */
export const line: Parse<string> = (value, path) => {
  const string = text(value, path)
  for (let i = 0; i < string.length; i++) {
    const code = string.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) throw new InvalidField(path, `must not contain control characters, is ${show(string)}`)
  }
  return string
}

const PATH_MAX = 4096

export const absolutePath: Parse<string> = (value, path) => {
  if (typeof value !== 'string' || value[0] !== '/') throw wrong(path, 'an absolute path', value)
  if (value.length >= PATH_MAX / 4 && Buffer.byteLength(value) >= PATH_MAX)
    throw new InvalidField(path, `must be shorter than ${PATH_MAX} bytes`)
  return text(value, path)
}

/** A path of the host as config.json writes it: absolute ones stay as they are, others begin in the bundle. */
export const inBundle = (bundle: string, path: string): string => (isAbsolute(path) ? path : resolve(bundle, path))

/** Whether one of the components of `path` is `..`. */
export const climbs = (path: string): boolean => path.includes('..') && path.split('/').includes('..')

export const integer = (min: number, max: number): Parse<number> => {
  const allowed = `a whole number from ${min} to ${max}`
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) throw wrong(path, allowed, value)
    return value
  }
}

/** Of 64 bits: parseJson gives a bigint where a number would be inexact. */
export const bigInteger = (min: bigint, max: bigint): Parse<bigint> => {
  const allowed = `a whole number from ${min} to ${max}`
  return (value, path) => {
    const big = typeof value === 'bigint' ? value : typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined
    if (big === undefined || big < min || big > max) throw wrong(path, allowed, value)
    return big
  }
}

export const uint16 = integer(0, 0xffff)
export const int32 = integer(-0x8000_0000, 0x7fff_ffff)
export const uint32 = integer(0, 0xffff_ffff)
/** A user or group id, user_namespaces(7): 2^32 - 1 means "no change" to setresuid(2) and chown(2), so it is no id. */
export const id = integer(0, 0xffff_fffe)
/** 64-bit fields whose sensible values are far from the limits of a double. */
export const int53 = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
export const uint53 = integer(0, Number.MAX_SAFE_INTEGER)
export const uint64 = bigInteger(0n, 0xffff_ffff_ffff_ffffn)

export const oneOf = <T extends string>(names: Iterable<T>): Parse<T> => {
  const set = new Set<string>(names)
  return (value, path) => {
    if (typeof value !== 'string' || !set.has(value)) throw wrong(path, `one of ${[...set].join(', ')}`, value)
    return value as T
  }
}

export const list =
  <T>(item: Parse<T>): Parse<readonly T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw wrong(path, 'a list', value)
    return value.map((entry, index) => item(entry, `${path}[${index}]`))
  }

/** A map with keys of the user's choice. */
export const map =
  <T>(item: Parse<T>): Parse<Readonly<Record<string, T>>> =>
  (value, path) =>
    Object.fromEntries(Object.entries(object(value, path)).map(([key, entry]) => [key, item(entry, entryPath(path, key))]))

/** A field that must be there. */
export const required = <T>(from: JsonObject, path: string, key: string, parse: Parse<T>): T => {
  const value = from[key]
  return parse(value === null ? undefined : value, join(path, key))
}

/** A field that may be missing, which null and the empty string are too: so do Go's encoders leave out or write what is not set. */
export const optional = <T>(from: JsonObject, path: string, key: string, parse: Parse<T>): T | undefined => {
  const value = from[key]
  return value === undefined || value === null || value === '' ? undefined : parse(value, join(path, key))
}
