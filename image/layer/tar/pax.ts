/** pax extended headers: POSIX pax(1), "pax Extended Header": `LENGTH KEY=VALUE\n`, LENGTH counting the whole record. */
import { decodeBytes, shown } from '../bytes.ts'
import { malformed } from './malformed.ts'

/** Values as they stand, because those of extended attributes are not text. */
export type PaxRecords = Map<string, Uint8Array>

/** GNU sparse 0.0 says these once for each part, in turns; they are put together as 0.1 would write them. */
const OFFSET = 'GNU.sparse.offset'
const NUMBYTES = 'GNU.sparse.numbytes'

/** Records that are repeated: the last one counts. Values are parts of `bytes`. */
export const parsePax = (bytes: Uint8Array): PaxRecords => {
  const records: PaxRecords = new Map()
  const map: string[] = []
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) {
    let length = 0
    let next = at
    for (; bytes[next]! >= 0x30 && bytes[next]! <= 0x39 && next - at < 10; next++) length = length * 10 + bytes[next]! - 0x30
    const end = at + length
    if (next === at || bytes[next] !== 0x20 || end > bytes.length || end - 1 <= next || bytes[end - 1] !== 0x0a)
      throw malformed(`a pax record at byte ${at} of its header is broken`)
    const equals = bytes.indexOf(0x3d, next + 1)
    if (equals <= next + 1 || equals >= end - 1) throw malformed(`a pax record at byte ${at} of its header has no key or no =`)
    const key = decodeBytes(bytes.subarray(next + 1, equals))
    if (key.includes('\0')) throw malformed(`pax key ${shown(key)} contains a NUL`)
    const value = bytes.subarray(equals + 1, end - 1)
    if (key === OFFSET || key === NUMBYTES) {
      if ((map.length % 2 === 0) !== (key === OFFSET)) throw malformed('GNU sparse offsets and lengths do not alternate')
      map.push(decodeBytes(value))
    } else records.set(key, value)
    at = end
  }
  if (map.length % 2 !== 0) throw malformed('a GNU sparse offset has no length')
  if (map.length > 0) records.set('GNU.sparse.map', Buffer.from(map.join(',')))
  return records
}

/** A decimal number; undefined if there is no such record or it is empty, which by POSIX deletes it. */
export const paxNumber = (records: PaxRecords, key: string): number | undefined => {
  const value = records.get(key)
  if (value === undefined || value.length === 0) return undefined
  const text = decodeBytes(value)
  const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number)) throw malformed(`pax ${key} is ${shown(text)}, which is no number in range`)
  return number
}

/** Text without a NUL; undefined as above. */
export const paxText = (records: PaxRecords, key: string): string | undefined => {
  const value = records.get(key)
  if (value === undefined || value.length === 0) return undefined
  const text = decodeBytes(value)
  if (text.includes('\0')) throw malformed(`pax ${key} ${shown(text)} contains a NUL`)
  return text
}

/** Seconds with a fraction, as nanoseconds; digits beyond the ninth are cut off, away from the future. */
export const paxTime = (records: PaxRecords, key: string): bigint | undefined => {
  const text = paxText(records, key)
  if (text === undefined) return undefined
  const [, sign, seconds, fraction = ''] = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text) ?? []
  if (seconds === undefined) throw malformed(`pax ${key} is ${shown(text)}, which is no time`)
  const value = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return sign === '-' ? -value : value
}

const SCHILY = 'SCHILY.xattr.'
const LIBARCHIVE = 'LIBARCHIVE.xattr.'
const NONE: ReadonlyMap<string, Uint8Array> = new Map()

/** star and GNU tar keep the value as it is, libarchive writes names %-encoded and values in base64; the former wins. */
export const paxXattrs = (records: PaxRecords): ReadonlyMap<string, Uint8Array> => {
  let found: Map<string, Uint8Array> | undefined
  for (const [key, value] of records) {
    if (key.startsWith(SCHILY)) {
      found ??= new Map()
      found.set(key.slice(SCHILY.length), value)
    } else if (key.startsWith(LIBARCHIVE)) {
      const name = percentDecoded(key.slice(LIBARCHIVE.length))
      found ??= new Map()
      if (!records.has(SCHILY + name)) found.set(name, Buffer.from(decodeBytes(value), 'base64'))
    }
  }
  return found ?? NONE
}

const percentDecoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) throw malformed(`pax key ${LIBARCHIVE}${shown(text)} is not %-encoded UTF-8`)
    throw error
  }
}
