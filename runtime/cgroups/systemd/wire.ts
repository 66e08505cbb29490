/** D-Bus values as bytes: D-Bus Specification, "Type System" and "Marshaling". Little-endian, without file descriptors. */

/** Arrays and structs are lists, a dict entry is a list of two; 64-bit numbers are read as bigint; `ay` may be given as bytes. */
export type Value = number | bigint | string | boolean | Uint8Array | Variant | readonly Value[]

export interface Variant {
  readonly signature: string
  readonly value: Value
}

/** A property as systemd takes it: `(sv)`. */
export type Property = readonly [name: string, value: Variant]

const ALIGNMENT: Readonly<Record<string, number>> = {
  y: 1,
  g: 1,
  v: 1,
  n: 2,
  q: 2,
  b: 4,
  i: 4,
  u: 4,
  s: 4,
  o: 4,
  a: 4,
  x: 8,
  t: 8,
  d: 8,
  '(': 8,
  '{': 8,
}

/** The end of the complete type that starts at `start`. */
const endOfType = (signature: string, start: number): number => {
  if (signature[start] === 'a') return endOfType(signature, start + 1)
  if (signature[start] !== '(' && signature[start] !== '{') return start + 1
  let end = start + 1
  while (signature[end] !== ')' && signature[end] !== '}') {
    if (end >= signature.length) throw new Error(`D-Bus signature ${signature} is not complete`)
    end = endOfType(signature, end)
  }
  return end + 1
}

/** The complete types of a signature: `sa(sv)u` is `s`, `a(sv)`, `u`. */
const typesOf = (signature: string): readonly string[] => {
  const types: string[] = []
  for (let start = 0; start < signature.length; ) {
    const end = endOfType(signature, start)
    types.push(signature.slice(start, end))
    start = end
  }
  return types
}

/** Types of a fixed size, which is their alignment too. */
const FIXED: Readonly<Record<string, { write(bytes: Buffer, at: number, value: Value): void; read(bytes: Buffer, at: number): Value }>> = {
  y: { write: (bytes, at, value) => bytes.writeUInt8(Number(value), at), read: (bytes, at) => bytes.readUInt8(at) },
  b: { write: (bytes, at, value) => bytes.writeUInt32LE(Number(value), at), read: (bytes, at) => bytes.readUInt32LE(at) !== 0 },
  n: { write: (bytes, at, value) => bytes.writeInt16LE(Number(value), at), read: (bytes, at) => bytes.readInt16LE(at) },
  q: { write: (bytes, at, value) => bytes.writeUInt16LE(Number(value), at), read: (bytes, at) => bytes.readUInt16LE(at) },
  i: { write: (bytes, at, value) => bytes.writeInt32LE(Number(value), at), read: (bytes, at) => bytes.readInt32LE(at) },
  u: { write: (bytes, at, value) => bytes.writeUInt32LE(Number(value), at), read: (bytes, at) => bytes.readUInt32LE(at) },
  x: { write: (bytes, at, value) => bytes.writeBigInt64LE(BigInt(value as number), at), read: (bytes, at) => bytes.readBigInt64LE(at) },
  t: { write: (bytes, at, value) => bytes.writeBigUInt64LE(BigInt(value as number), at), read: (bytes, at) => bytes.readBigUInt64LE(at) },
  d: { write: (bytes, at, value) => bytes.writeDoubleLE(Number(value), at), read: (bytes, at) => bytes.readDoubleLE(at) },
}

const padding = (offset: number, type: string): number => {
  const alignment = ALIGNMENT[type[0]!]
  if (alignment === undefined) throw new Error(`D-Bus type ${type} is unknown`)
  return (alignment - (offset % alignment)) % alignment
}

class Writer {
  #bytes = Buffer.alloc(512)
  length = 0

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  #grow(size: number): number {
    while (this.length + size > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)])
    const at = this.length
    this.length += size
    return at
  }

  pad(type: string): void {
    this.#grow(padding(this.length, type))
  }

  #text(text: string, type: string): void {
    if (text.includes('\0')) throw new Error(`D-Bus string with a NUL: ${JSON.stringify(text)}`)
    const bytes = Buffer.from(`${text}\0`)
    this.write(type === 'g' ? 'y' : 'u', bytes.length - 1)
    const at = this.#grow(bytes.length)
    bytes.copy(this.#bytes, at)
  }

  #array(element: string, values: readonly Value[]): void {
    const length = this.#grow(4)
    this.pad(element)
    const start = this.length
    for (const value of values) this.write(element, value)
    this.#bytes.writeUInt32LE(this.length - start, length)
  }

  write(type: string, value: Value): void {
    this.pad(type)
    const fixed = FIXED[type]
    if (fixed !== undefined) {
      // The buffer may be another one after it has grown.
      const at = this.#grow(ALIGNMENT[type]!)
      fixed.write(this.#bytes, at, value)
      return
    }
    switch (type[0]) {
      case 's':
      case 'o':
      case 'g':
        this.#text(value as string, type)
        break
      case 'a':
        this.#array(type.slice(1), value instanceof Uint8Array ? [...value] : (value as readonly Value[]))
        break
      case 'v': {
        const variant = value as Variant
        this.write('g', variant.signature)
        this.write(variant.signature, variant.value)
        break
      }
      default:
        for (const [i, field] of typesOf(type.slice(1, -1)).entries()) this.write(field, (value as readonly Value[])[i]!)
    }
  }
}

class Reader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  #take(size: number): number {
    const at = this.#at
    this.#at += size
    if (this.#at > this.#bytes.length) throw new Error('D-Bus message ends within a value')
    return at
  }

  skipTo(type: string): void {
    this.#take(padding(this.#at, type))
  }

  #text(length: number): string {
    const at = this.#take(length + 1)
    return this.#bytes.toString('utf8', at, at + length)
  }

  read(type: string): Value {
    this.skipTo(type)
    const fixed = FIXED[type]
    if (fixed !== undefined) return fixed.read(this.#bytes, this.#take(ALIGNMENT[type]!))
    switch (type[0]) {
      case 's':
      case 'o':
      case 'g':
        return this.#text(Number(this.read(type === 'g' ? 'y' : 'u')))
      case 'v': {
        const signature = String(this.read('g'))
        return { signature, value: this.read(signature) }
      }
      case 'a': {
        const length = Number(this.read('u'))
        const element = type.slice(1)
        this.skipTo(element)
        const end = this.#at + length
        const values: Value[] = []
        while (this.#at < end) values.push(this.read(element))
        return values
      }
      default:
        return typesOf(type.slice(1, -1)).map((field) => this.read(field))
    }
  }
}

/** Message types. */
export const METHOD_CALL = 1
export const METHOD_RETURN = 2
export const ERROR = 3
export const SIGNAL = 4

/** Header fields by code, and their types. */
const FIELDS = [
  ['path', 'o', 1],
  ['interface', 's', 2],
  ['member', 's', 3],
  ['errorName', 's', 4],
  ['replySerial', 'u', 5],
  ['destination', 's', 6],
  ['sender', 's', 7],
  ['signature', 'g', 8],
] as const

type FieldName = (typeof FIELDS)[number][0]

export interface Message {
  readonly type: number
  readonly serial: number
  readonly fields: Readonly<Partial<Record<FieldName, string | number>>>
  readonly body: readonly Value[]
}

const HEADER = 'yyyyuua(yv)'

export const encodeMessage = ({ type, serial, fields, body }: Message): Buffer => {
  const signature = String(fields.signature ?? '')
  const content = new Writer()
  for (const [i, one] of typesOf(signature).entries()) content.write(one, body[i]!)
  const header = new Writer()
  const values: Value[] = FIELDS.flatMap(([name, of, code]): Value[] => {
    const value = fields[name]
    return value === undefined || value === '' ? [] : [[code, { signature: of, value }]]
  })
  header.write(`(${HEADER})`, ['l'.charCodeAt(0), type, 0, 1, content.length, serial, values])
  header.pad('(')
  return Buffer.concat([header.bytes, content.bytes])
}

/** Bytes of the message that `bytes` start with; undefined while that is not known. */
export const messageLength = (bytes: Buffer): number | undefined => {
  if (bytes.length < 16) return undefined
  if (bytes[0] !== 'l'.charCodeAt(0)) throw new Error('D-Bus message is not little-endian')
  const fields = 16 + bytes.readUInt32LE(12)
  return fields + padding(fields, '(') + bytes.readUInt32LE(4)
}

/** `bytes` are one whole message. */
export const decodeMessage = (bytes: Buffer): Message => {
  const header = new Reader(bytes, 0).read(`(${HEADER})`) as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    readonly [number, Variant][],
  ]
  const [, type, , , bodyLength, serial, values] = header
  const fields: Partial<Record<FieldName, string | number>> = {}
  for (const [code, { value }] of values) {
    const name = FIELDS.find(([, , known]) => known === code)?.[0]
    if (name !== undefined) fields[name] = value as string | number
  }
  const body = new Reader(bytes.subarray(bytes.length - bodyLength), 0)
  return { type, serial, fields, body: typesOf(String(fields.signature ?? '')).map((one) => body.read(one)) }
}
