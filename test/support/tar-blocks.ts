/** Tar archives block by block, also such as no program writes. */
import { checksum } from '../../image/layer/tar/number.ts'

export interface Fields {
  readonly name?: string | Uint8Array
  readonly type?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly mtime?: number
  readonly link?: string | Uint8Array
  readonly major?: number
  readonly minor?: number
  readonly prefix?: string
  readonly magic?: string
  /** Bytes put into the header at an offset, before the checksum is made. */
  readonly raw?: Readonly<Record<number, Uint8Array | string>>
  /** Added to the right checksum. */
  readonly checksumOff?: number
}

const octal = (value: number, length: number): string => value.toString(8).padStart(length - 1, '0')

export const USTAR = 'ustar\x0000'
export const GNU = 'ustar  \0'

/** Base 256 with the top bit set: negative numbers and large ones. */
export const base256 = (value: bigint, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let rest = value
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  bytes[0]! |= 0x80
  return bytes
}

export const header = (fields: Fields = {}): Buffer => {
  const block = Buffer.alloc(512)
  const put = (offset: number, value: string | Uint8Array): void => {
    block.set(typeof value === 'string' ? Buffer.from(value) : value, offset)
  }
  put(0, fields.name ?? 'file')
  put(100, octal(fields.mode ?? 0o644, 8))
  put(108, octal(fields.uid ?? 0, 8))
  put(116, octal(fields.gid ?? 0, 8))
  put(124, octal(fields.size ?? 0, 12))
  put(136, octal(fields.mtime ?? 0, 12))
  put(156, fields.type ?? '0')
  put(157, fields.link ?? '')
  put(257, fields.magic ?? USTAR)
  if (fields.major !== undefined) put(329, octal(fields.major, 8))
  if (fields.minor !== undefined) put(337, octal(fields.minor, 8))
  if (fields.prefix !== undefined) put(345, fields.prefix)
  for (const [offset, value] of Object.entries(fields.raw ?? {})) put(Number(offset), value)
  put(148, `${octal(checksum(block) + (fields.checksumOff ?? 0), 7)}\0 `)
  return block
}

export const padded = (bytes: Uint8Array | string): Buffer => {
  const content = Buffer.from(bytes as Uint8Array)
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

/** A header and the content behind it. */
export const entry = (fields: Fields, content: Uint8Array | string = ''): Buffer =>
  Buffer.concat([header({ size: Buffer.from(content as Uint8Array).length, ...fields }), padded(content)])

export const paxRecord = (key: string, value: Uint8Array | string): Buffer => {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as Uint8Array), Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length++
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** An extended header for the next entry. */
export const pax = (records: Readonly<Record<string, Uint8Array | string>>, type = 'x'): Buffer =>
  entry({ name: 'PaxHeaders/x', type }, Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value))))

/** GNU’s long name (L) or long link (K) for the next entry. */
export const gnuLong = (type: 'L' | 'K', text: string | Uint8Array): Buffer =>
  entry({ name: '././@LongLink', type, magic: GNU }, Buffer.concat([Buffer.from(text as Uint8Array), Buffer.alloc(1)]))

export const END = Buffer.alloc(1024)

export const archive = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat([...parts, END])

export const dir = (name: string, fields: Fields = {}): Buffer => header({ name, type: '5', mode: 0o755, ...fields })
export const file = (name: string, content = '', fields: Fields = {}): Buffer => entry({ name, ...fields }, content)
export const symlink = (name: string, link: string): Buffer => header({ name, type: '2', mode: 0o777, link })
export const hardlink = (name: string, link: string): Buffer => header({ name, type: '1', link })
