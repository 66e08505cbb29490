/** Annotations `org.systemd.property.NAME: VALUE`, with the value in GVariant's text form: properties of the container's unit. */
import { InvalidField } from '../../errors.ts'
import type { Property, Value, Variant } from './wire.ts'

const PREFIX = 'org.systemd.property.'

/** Names of types in GVariant's text form. */
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
}

const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  y: [0n, 255n],
  n: [-(2n ** 15n), 2n ** 15n - 1n],
  q: [0n, 2n ** 16n - 1n],
  i: [-(2n ** 31n), 2n ** 31n - 1n],
  u: [0n, 2n ** 32n - 1n],
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, 2n ** 64n - 1n],
}

const TOKEN =
  /\s*(@[a-z()]+|[a-z][a-z0-9]*|[-+]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[[\],])/y

const tokenize = (text: string): string[] => {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex
    const token = TOKEN.exec(text)?.[1]
    if (token === undefined) throw new Error(`unexpected ${JSON.stringify(text.slice(at).trimStart())}`)
    tokens.push(token)
  }
  return tokens
}

/** The inner of a quoted string. */
const unquote = (token: string): string =>
  token.slice(1, -1).replace(/\\(.)/g, (_, character: string) => ({ n: '\n', t: '\t' })[character] ?? character)

const parseNumber = (token: string, type: string | undefined): Variant => {
  if (type === 'd' || (type === undefined && /[.eE]/.test(token) && !token.includes('x'))) return { signature: 'd', value: Number(token) }
  const signature = type ?? 'i'
  const range = RANGES[signature]
  if (range === undefined || /[.]/.test(token)) throw new Error(`${token} is not of type ${signature}`)
  const value = token.startsWith('-') ? -BigInt(token.slice(1)) : BigInt(token.replace('+', ''))
  if (value < range[0] || value > range[1]) throw new Error(`${token} does not fit into type ${signature}`)
  return { signature, value }
}

/** One value; the tokens that belong to it are taken away. */
const parseValue = (tokens: string[], type: string | undefined): Variant => {
  const token = tokens.shift()
  if (token === undefined) throw new Error('the value ends too early')
  if (token.startsWith('@')) return parseValue(tokens, token.slice(1))
  if (TYPES[token] !== undefined) return parseValue(tokens, TYPES[token])
  if (token === 'true' || token === 'false') {
    if (type !== undefined && type !== 'b') throw new Error(`${token} is not of type ${type}`)
    return { signature: 'b', value: token === 'true' }
  }
  if (token === '[') return parseArray(tokens, type)
  if (/^['"]/.test(token)) {
    if (type !== undefined && !'sog'.includes(type)) throw new Error(`${token} is not of type ${type}`)
    return { signature: type ?? 's', value: unquote(token) }
  }
  if (/^[-+\d]/.test(token)) return parseNumber(token, type)
  throw new Error(`unexpected ${JSON.stringify(token)}`)
}

const parseArray = (tokens: string[], type: string | undefined): Variant => {
  if (type !== undefined && !type.startsWith('a')) throw new Error(`an array is not of type ${type}`)
  let element = type?.slice(1)
  const values: Value[] = []
  while (tokens[0] !== ']') {
    if (values.length > 0 && tokens.shift() !== ',') throw new Error('the elements of an array are separated by commas')
    const { signature, value } = parseValue(tokens, element)
    element ??= signature
    values.push(value)
  }
  tokens.shift()
  if (element === undefined) throw new Error('an empty array needs its type: @as []')
  return { signature: `a${element}`, value: values }
}

/** Booleans, numbers, strings, and arrays of one of them. */
export const parseVariant = (text: string): Variant => {
  const tokens = tokenize(text)
  const value = parseValue(tokens, undefined)
  if (tokens.length > 0) throw new Error(`unexpected ${JSON.stringify(tokens[0])} after the value`)
  return value
}

/** `TimeoutStopSec: 1` is what unit files have; on the bus it is `TimeoutStopUSec: uint64 1000000`. */
const inMicroseconds = (name: string, variant: Variant): Property => {
  if (!/[a-z]Sec$/.test(name)) return [name, variant]
  if (typeof variant.value !== 'bigint' && typeof variant.value !== 'number') throw new Error('not a number')
  const value = typeof variant.value === 'bigint' ? variant.value * 1_000_000n : BigInt(Math.floor(variant.value * 1_000_000))
  if (value < 0n || value > RANGES['t']![1]) throw new Error('out of range')
  return [`${name.slice(0, -3)}USec`, { signature: 't', value }]
}

/** Throws InvalidField naming the annotation. */
export const annotatedProperties = (annotations: Readonly<Record<string, string>>): readonly Property[] =>
  Object.entries(annotations)
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, text]) => {
      const field = `annotations[${JSON.stringify(key)}]`
      const name = key.slice(PREFIX.length)
      if (!/^[A-Za-z]{3,}$/.test(name)) throw new InvalidField(field, 'must end with the name of a property: three or more letters')
      try {
        return inMicroseconds(name, parseVariant(text))
      } catch (error) {
        throw new InvalidField(
          field,
          `${JSON.stringify(text)}: ${(error as Error).message}; allowed are true, 1, uint64 1, 1.5, 'text', ['text', …]`,
        )
      }
    })
