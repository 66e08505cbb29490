/** One header block with what stood before it for it (pax and GNU long names), read as Go’s archive/tar does, which all peers use. */
import { decodeBytes, shown } from '../bytes.ts'
import { malformed } from './malformed.ts'
import { checksum, parseNumber, signedChecksum } from './number.ts'
import { type PaxRecords, paxNumber, paxText, paxTime } from './pax.ts'

export interface Header {
  readonly name: string
  readonly linkname: string
  /** The character at byte 156. */
  readonly flag: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes in the archive; 0 for types that have none whatever the field says. */
  readonly stored: number
  /** Nanoseconds. */
  readonly mtime: bigint
  readonly major: number
  readonly minor: number
}

/** What goes before a header for it. GNU’s long names win over pax, as with Go. */
export interface Preface {
  pax?: PaxRecords | undefined
  name?: string | undefined
  linkname?: string | undefined
}

/** A NUL ends the text, or the field. */
export const textAt = (block: Uint8Array, offset: number, length: number): string => {
  let end = offset
  while (end < offset + length && block[end] !== 0) end++
  return end === offset ? '' : decodeBytes(block.subarray(offset, end))
}

const magicIs = (block: Uint8Array, magic: string): boolean => {
  for (let at = 0; at < magic.length; at++) if (block[257 + at] !== magic.charCodeAt(at)) return false
  return true
}

export const isUstar = (block: Uint8Array): boolean => magicIs(block, 'ustar\0')

export const isGnu = (block: Uint8Array): boolean => magicIs(block, 'ustar  \0')

/** Throws unless the checksum is right. */
export const checkHeader = (block: Uint8Array): void => {
  const wanted = parseNumber(block, 148, 8)
  if (wanted !== checksum(block) && wanted !== signedChecksum(block))
    throw malformed('a header has a wrong checksum: the archive is damaged, or no tar archive')
}

/** star’s prefix is shorter, because times come behind it. */
const prefixOf = (block: Uint8Array): string => {
  if (!isUstar(block)) return ''
  const star = block[508] === 0x74 && block[509] === 0x61 && block[510] === 0x72 && block[511] === 0
  return textAt(block, 345, star ? 131 : 155)
}

const nameOf = (block: Uint8Array, preface: Preface): string => {
  const { pax } = preface
  const sparse = pax === undefined ? undefined : paxText(pax, 'GNU.sparse.name')
  const long = sparse ?? preface.name ?? (pax === undefined ? undefined : paxText(pax, 'path'))
  if (long !== undefined) return long
  const prefix = prefixOf(block)
  const name = textAt(block, 0, 100)
  return prefix === '' ? name : `${prefix}/${name}`
}

const HEADER_ONLY = '123456'

export const readHeader = (block: Uint8Array, preface: Preface): Header => {
  const { pax } = preface
  const name = nameOf(block, preface)
  const field = (what: string, offset: number, length: number): number => {
    const value = (pax === undefined ? undefined : paxNumber(pax, what)) ?? parseNumber(block, offset, length)
    if (Number.isNaN(value)) throw malformed(`entry ${shown(name)}: ${what} is no number in range`)
    return value
  }
  const plain = (what: string, offset: number, length: number): number => {
    const value = parseNumber(block, offset, length)
    if (Number.isNaN(value)) throw malformed(`entry ${shown(name)}: ${what} is no number in range`)
    return value
  }
  const id = (what: string, offset: number): number => {
    const value = field(what, offset, 8)
    if (value < 0 || value > 0xfffffffe) throw malformed(`entry ${shown(name)}: ${what} ${value} is not within 0…4294967294`)
    return value
  }
  let flag = block[156] === 0 ? '0' : String.fromCharCode(block[156]!)
  // before POSIX there was no type for folders
  if (block[156] === 0 && name.endsWith('/')) flag = '5'
  const size = field('size', 124, 12)
  if (size < 0) throw malformed(`entry ${shown(name)}: its size is ${size}`)
  const mtime = pax === undefined ? undefined : paxTime(pax, 'mtime')
  const posix = isUstar(block) || isGnu(block)
  return {
    name,
    linkname: preface.linkname ?? (pax === undefined ? undefined : paxText(pax, 'linkpath')) ?? textAt(block, 157, 100),
    flag,
    mode: plain('mode', 100, 8) & 0o7777,
    uid: id('uid', 108),
    gid: id('gid', 116),
    stored: HEADER_ONLY.includes(flag) ? 0 : size,
    mtime: mtime ?? BigInt(plain('mtime', 136, 12)) * 1_000_000_000n,
    major: posix ? plain('devmajor', 329, 8) : 0,
    minor: posix ? plain('devminor', 337, 8) : 0,
  }
}
