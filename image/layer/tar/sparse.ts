/** Sparse files as GNU tar writes them: tar manual, "Storing Sparse Files"; type S, and pax formats 0.0, 0.1 and 1.0. */
import { decodeBytes } from '../bytes.ts'
import { malformed } from './malformed.ts'
import { parseNumber } from './number.ts'

/** A part of the file that is in the archive; all else is holes. */
export interface Extent {
  readonly offset: number
  readonly length: number
}

/** Bytes of a map, and of the longest header: what archive/tar of Go takes. */
export const MAX_HEADER = 1 << 20

/** Pairs of numbers: ascending, apart, within `size`, and as long together as the `stored` bytes. Empty ones are left out. */
export const checkExtents = (numbers: readonly number[], size: number, stored: number): Extent[] => {
  const extents: Extent[] = []
  let end = 0
  let total = 0
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    const offset = numbers[at]!
    const length = numbers[at + 1]!
    if (!(offset >= end && length >= 0 && offset + length <= size))
      throw malformed('the map of a sparse file is out of order or out of range')
    end = offset + length
    total += length
    if (length > 0) extents.push({ offset, length })
  }
  if (total !== stored) throw malformed(`the map of a sparse file speaks of ${total} bytes, and there are ${stored}`)
  return extents
}

/** `offset,length,offset,length…` of pax 0.1. */
export const parseMap = (text: string): number[] => {
  if (text === '') return []
  const numbers = text.split(',').map((part) => (/^\d{1,16}$/.test(part) ? Number(part) : Number.NaN))
  if (numbers.length % 2 !== 0 || numbers.some(Number.isNaN)) throw malformed('the map of a sparse file is not a list of pairs of numbers')
  return numbers
}

/** `count` descriptors of an old GNU header or its extension; false when the list has ended. */
export const readOldDescriptors = (block: Uint8Array, offset: number, count: number, into: number[]): void => {
  for (let at = offset; at < offset + 24 * count && block[at] !== 0; at += 24) {
    const start = parseNumber(block, at, 12)
    const length = parseNumber(block, at + 12, 12)
    if (!(start >= 0 && length >= 0)) throw malformed('a number in the map of a sparse file is not one')
    into.push(start, length)
  }
}

/** The map of pax 1.0: decimal lines in front of the data, filled up to a whole block. Undefined: more is needed. */
export const parseMapLines = (bytes: Uint8Array): number[] | undefined => {
  const lines = decodeBytes(bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1)).split('\n')
  const count = lines.length < 2 ? undefined : lineNumber(lines[0]!)
  if (count === undefined || lines.length - 2 < count * 2) return undefined
  return lines.slice(1, 1 + count * 2).map(lineNumber)
}

const lineNumber = (line: string): number => {
  if (!/^\d{1,16}$/.test(line)) throw malformed('the map of a sparse file is not made of numbers')
  return Number(line)
}
