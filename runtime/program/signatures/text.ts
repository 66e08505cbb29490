/** Strings and data of a program's memory. */
import { constant, depends, int, type Kind, pointer, type Scope, Variable } from './kind.ts'
import type { Ref } from '../operand.ts'

/** Characters of a string or bytes of data that are written. */
const LONGEST = 240
const LONGEST_DATA = 96
/** Elements of an array. */
export const MOST = 64

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '"': '\\"', '\\': '\\\\', '\0': '\\0' }

/** As C writes it, with `...` where it is cut. */
export const quote = (text: string, longest = LONGEST): string => {
  const cut = text.length > longest
  const escaped = (cut ? text.slice(0, longest) : text).replaceAll(
    /["\\\p{Cc}\u2028\u2029\ufffd]/gu,
    (character) => ESCAPES[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"${cut ? '...' : ''}`
}

/** In messages a plain word needs no quotes. */
const shown = (text: string, { brief }: Scope): string =>
  brief && text.length <= LONGEST && /^[\w./@%+:,=~-]+$/.test(text) ? text : quote(text)

const terminated = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString()
}

/** The string there; undefined where it is not known yet. */
export const stringAt = (at: Ref, { memory }: Scope): string | undefined => {
  const bytes = memory.bytes(at)
  return bytes === undefined ? undefined : terminated(bytes)
}

/** A NUL-terminated string. */
export const string: Kind = pointer((at, scope) => {
  const text = stringAt(at, scope)
  return text === undefined ? scope.memory.address(at) : shown(text, scope)
})

/** Bytes: text where they are text, else their number. */
const bytesText = (bytes: Uint8Array, scope: Scope): string => {
  const text = Buffer.from(bytes).toString()
  const binary = /[^\P{Cc}\n\t\r\0]|\ufffd/u.test(text) || (text.includes('\0') && text.replaceAll('\0', '') === '')
  if (binary) return `<${bytes.length} bytes>`
  return scope.brief ? shown(text.trimEnd(), scope) : quote(text, LONGEST_DATA)
}

const dataOf = (length: number | undefined): Kind =>
  pointer((at, scope) => {
    const bytes = scope.memory.bytes(at)
    return bytes === undefined ? scope.memory.address(at) : bytesText(length === undefined ? bytes : bytes.subarray(0, length), scope)
  })

/** Data whose length is another argument. */
export const data = (lengthArgument: number): Kind => depends((args) => dataOf(constant(args[lengthArgument])))

/** Data of a length that is known. */
export const dataLong = (length: number): Kind => dataOf(length)

/** A NULL-terminated array of strings: argv. */
export const strings: Kind = pointer((at, scope) => {
  const written: string[] = []
  for (let index = 0; ; index += 1) {
    const value = scope.memory.read(at.plus(8 * index), 8)
    if (value === 0n) break
    if (index === MOST) return `[${written.join(', ')}, ...]`
    written.push(value instanceof Variable ? value.name : string(value, { ...scope, brief: false }))
  }
  return `[${written.join(', ')}]`
})

/** An environment: it may hold secrets, hence only how long it is. */
export const environment: Kind = pointer((at, scope) => {
  let count = 0
  while (scope.memory.read(at.plus(8 * count), 8) !== 0n) count += 1
  return `[/* ${count} ${count === 1 ? 'variable' : 'variables'} */]`
})

/** A number that is stored somewhere: `[1]`. */
export const toInt: Kind = pointer((at, scope) =>
  scope.memory.bytes(at) === undefined ? scope.memory.address(at) : `[${int(scope.memory.read(at, 4), scope)}]`,
)
