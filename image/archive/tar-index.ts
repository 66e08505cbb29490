/** Where in a tar archive its files are: read by hopping from header to header, contents are passed over. */
import { WherryError } from '../../runtime/errors.ts'
import { decodeBytes, shown } from '../layer/bytes.ts'
import { checksum, parseNumber, signedChecksum } from '../layer/tar/number.ts'
import { paxNumber, parsePax, type PaxRecords, paxText } from '../layer/tar/pax.ts'
import { type Range, readRange } from './read-range.ts'

const BLOCK = 512
/** Entries of an archive of images; those with the most have a few for each layer of each image. */
const MOST_ENTRIES = 100_000
const MOST_NAME = 4096
/** Bytes of a pax header or a long name. */
const MOST_HEADER = 1024 * 1024
const MOST_LINKS = 10

export interface TarIndex {
  /** Undefined if there is no file of that name. Links are followed within the archive. Throws `invalid-argument` if it is there twice. */
  find(path: string): Range | undefined
  /** Clean names of files and links. */
  readonly names: ReadonlySet<string>
}

interface Found extends Range {
  readonly link?: string
  readonly twice?: boolean
}

/** Without `.`, doubled slashes and a slash in front; undefined for one that leads out. */
export const cleanName = (name: string): string | undefined => {
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined
    } else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

const field = (header: Uint8Array, offset: number, length: number): string => {
  const bytes = header.subarray(offset, offset + length)
  const end = bytes.indexOf(0)
  return decodeBytes(end < 0 ? bytes : bytes.subarray(0, end))
}

const isUstar = (header: Uint8Array): boolean => field(header, 257, 6) === 'ustar'

export const nameIn = (header: Uint8Array): string => {
  const prefix = isUstar(header) ? field(header, 345, 155) : ''
  return prefix === '' ? field(header, 0, 100) : `${prefix}/${field(header, 0, 100)}`
}

export const isTarHeader = (header: Uint8Array): boolean => {
  const said = parseNumber(header, 148, 8)
  return header.length === BLOCK && (said === checksum(header) || said === signedChecksum(header))
}

/** `size`: of the file behind `fd`. `name`: as messages name it. Throws `invalid-argument`, `data-loss`. */
export const indexTar = (fd: number, size: number, name: string): TarIndex => {
  const found = new Map<string, Found>()
  const bad = (at: number, problem: string): WherryError => new WherryError('invalid-argument', `${name}: at byte ${at}: ${problem}`)
  let pax: PaxRecords | undefined
  let longName: string | undefined
  let longLink: string | undefined
  let entries = 0
  for (let at = 0; at < size; ) {
    if (at + BLOCK > size) throw new WherryError('data-loss', `${name}: the archive is cut off at byte ${size}: make it again`)
    const header = readRange(fd, { offset: at, length: BLOCK }, name)
    if (header.every((byte) => byte === 0)) break
    if (!isTarHeader(header)) throw bad(at, at === 0 ? 'this is no tar archive' : 'the header of an entry is damaged')
    if (++entries > MOST_ENTRIES)
      throw new WherryError('resource-exhausted', `${name}: more than ${MOST_ENTRIES} entries: this is no archive of images`)
    const type = String.fromCharCode(header[156]!)
    const length = (pax === undefined ? undefined : paxNumber(pax, 'size')) ?? parseNumber(header, 124, 12)
    if (!(length >= 0)) throw bad(at, 'the size of an entry is no number')
    const body = { offset: at + BLOCK, length: 'KLxgXN'.includes(type) || '0\0S7'.includes(type) ? length : 0 }
    if (body.offset + body.length > size)
      throw new WherryError('data-loss', `${name}: the archive is cut off at byte ${size}, in the middle of an entry: make it again`)
    at = body.offset + Math.ceil(body.length / BLOCK) * BLOCK
    if ('KLxgXN'.includes(type)) {
      if (length > MOST_HEADER) throw bad(body.offset, `a header of ${length} bytes is more than the ${MOST_HEADER} allowed`)
      const bytes = readRange(fd, body, name)
      if (type === 'x' || type === 'X') pax = paxOf(bytes, name)
      else if (type === 'L' || type === 'N') longName = field(bytes, 0, bytes.length)
      else if (type === 'K') longLink = field(bytes, 0, bytes.length)
      continue
    }
    const said = (pax && paxText(pax, 'path')) ?? longName ?? nameIn(header)
    const link = type === '1' || type === '2' ? ((pax && paxText(pax, 'linkpath')) ?? longLink ?? field(header, 157, 100)) : undefined
    if (pax !== undefined && [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw bad(at, `${shown(said)} is a sparse file`)
    if (type === 'S') throw bad(at, `${shown(said)} is a sparse file`)
    pax = longName = longLink = undefined
    if (said.length > MOST_NAME) throw bad(at, `the name of an entry has ${said.length} characters`)
    const clean = cleanName(said)
    if (clean === undefined) throw bad(at, `the name ${shown(said)} leads out of the archive`)
    const isFile = ('0\0' + '7').includes(type) && !said.endsWith('/')
    if (!isFile && link === undefined) continue
    const target =
      link === undefined ? undefined : type === '1' || link.startsWith('/') ? link : `${clean.slice(0, clean.lastIndexOf('/') + 1)}${link}`
    found.set(clean, { ...body, ...(target === undefined ? {} : { link: target }), ...(found.has(clean) ? { twice: true } : {}) })
  }
  const find = (path: string, links = 0): Range | undefined => {
    const clean = cleanName(path)
    const one = clean === undefined ? undefined : found.get(clean)
    if (one?.twice === true)
      throw new WherryError('invalid-argument', `${name}: ${shown(path)} is there twice, and which one is meant is in doubt`)
    if (one?.link === undefined || one === undefined) return one === undefined ? undefined : { offset: one.offset, length: one.length }
    return links === MOST_LINKS ? undefined : find(one.link, links + 1)
  }
  return { find, names: new Set(found.keys()) }
}

const paxOf = (bytes: Uint8Array, name: string): PaxRecords => {
  try {
    return parsePax(bytes)
  } catch (cause) {
    throw new WherryError('invalid-argument', `${name}: a pax header is broken`, { cause })
  }
}
