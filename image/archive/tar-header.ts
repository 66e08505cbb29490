/** Headers of tar entries: ustar, with a pax header in front where ustar has no room. POSIX pax(1). */
import { encodeBytes } from '../layer/bytes.ts'
import { checksum } from '../layer/tar/number.ts'

export const BLOCK = 512

export const TYPE_FLAGS = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
} as const

export interface TarHeader {
  /** As names are written in `Entry`: a byte that is no UTF-8 is a lone surrogate. */
  readonly name: string
  readonly type: Exclude<keyof typeof TYPE_FLAGS, 'pax'>
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Bytes that follow the header. */
  readonly size: number
  readonly link?: string
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
  /** Further pax records. */
  readonly pax?: ReadonlyMap<string, string>
}

const NAME = 100
const LARGEST_ID = 0o7777777
const LARGEST_SIZE = 0o77777777777
const SECOND = 1_000_000_000n

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
const record = (key: string, value: Uint8Array): Buffer => {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

const seconds = (nanoseconds: bigint): bigint => {
  const whole = nanoseconds / SECOND
  return nanoseconds % SECOND < 0n ? whole - 1n : whole
}

/** `-1.5` is `-1.500000000`, as POSIX writes fractions of negative times. */
const decimal = (nanoseconds: bigint): string => {
  const positive = nanoseconds < 0n ? -nanoseconds : nanoseconds
  const fraction = String(positive % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${nanoseconds < 0n ? '-' : ''}${positive / SECOND}${fraction === '' ? '' : `.${fraction}`}`
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

/** GNU’s way, so that a header has the same length for every size. */
const base256 = (header: Buffer, offset: number, length: number, value: number): void => {
  header.fill(0, offset, offset + length)
  header[offset] = 0x80
  header.writeBigUInt64BE(BigInt(value), offset + length - 8)
}

interface Fields {
  readonly name: Uint8Array
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly size: number
  readonly link?: Uint8Array
  readonly major?: number
  readonly minor?: number
}

const block = ({ name, type, mode, uid, gid, mtime, size, link, major, minor }: Fields): Buffer => {
  const header = Buffer.alloc(BLOCK)
  header.set(name.subarray(0, NAME), 0)
  header.write(`${octal(mode & 0o7777, 7)}\0${octal(Math.min(uid, LARGEST_ID), 7)}\0${octal(Math.min(gid, LARGEST_ID), 7)}\0`, 100)
  header.write(`${octal(Math.min(size, LARGEST_SIZE), 11)}\0${octal(mtime, 11)}\0`, 124)
  if (size > LARGEST_SIZE) base256(header, 124, 12, size)
  header.write(type, 156)
  if (link !== undefined) header.set(link.subarray(0, NAME), 157)
  header.write('ustar\0' + '00', 257)
  if (major !== undefined) header.write(`${octal(major, 7)}\0${octal(minor ?? 0, 7)}\0`, 329)
  header.write(`${octal(checksum(header), 6)}\0 `, 148)
  return header
}

export const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** The header’s blocks, to be followed by `size` bytes and padding up to a block. */
export const encodeHeader = (entry: TarHeader): Buffer => {
  const name = encodeBytes(entry.name)
  const link = entry.link === undefined ? undefined : encodeBytes(entry.link)
  const whole = seconds(entry.mtime)
  const fits = whole >= 0n && whole <= BigInt(LARGEST_SIZE)
  const records: Buffer[] = []
  const add = (key: string, value: string | Uint8Array): number =>
    records.push(record(key, typeof value === 'string' ? encodeBytes(value) : value))
  if (name.length > NAME) add('path', name)
  if (link !== undefined && link.length > NAME) add('linkpath', link)
  if (entry.uid > LARGEST_ID) add('uid', String(entry.uid))
  if (entry.gid > LARGEST_ID) add('gid', String(entry.gid))
  if (!fits || entry.mtime % SECOND !== 0n) add('mtime', decimal(entry.mtime))
  for (const [key, value] of [...(entry.pax ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) add(key, value)
  for (const [key, value] of [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) add(`SCHILY.xattr.${key}`, value)
  const own = block({
    name,
    type: TYPE_FLAGS[entry.type],
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: fits ? Number(whole) : 0,
    size: entry.size,
    ...(link === undefined ? {} : { link }),
    ...(entry.major === undefined ? {} : { major: entry.major, minor: entry.minor ?? 0 }),
  })
  if (records.length === 0) return own
  const body = Buffer.concat(records)
  const slash = name.lastIndexOf(0x2f, name.length - 2)
  const paxName = Buffer.concat([Buffer.from('PaxHeaders.0/'), name.subarray(slash + 1)])
  const pax = block({ name: paxName, type: TYPE_FLAGS.pax, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: body.length })
  return Buffer.concat([pax, body, Buffer.alloc(padding(body.length)), own])
}

/** What ends an archive. */
export const END = Buffer.alloc(BLOCK * 2)
