/** Numbers in tar headers: octal text (POSIX pax(1), "ustar Interchange Format") or base 256 with the top bit set (GNU, star). */

/** NaN if it is neither, or does not fit a double exactly. Nothing but blanks and NULs is 0. */
export const parseNumber = (header: Uint8Array, offset: number, length: number): number => {
  const first = header[offset]!
  return (first & 0x80) !== 0 ? base256(header, offset, length, first) : octal(header, offset, offset + length)
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0

const octal = (header: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end && isBlank(header[at]!)) at++
  let value = 0
  for (; at < end && !isBlank(header[at]!); at++) {
    const digit = header[at]! - 0x30
    if (digit < 0 || digit > 7) return Number.NaN
    value = value * 8 + digit
  }
  return Number.isSafeInteger(value) ? value : Number.NaN
}

/** Two's complement, most significant byte first; the first byte’s top bit only marks it, the next one is the sign. */
const base256 = (header: Uint8Array, offset: number, length: number, first: number): number => {
  const negative = (first & 0x40) !== 0
  const flip = negative ? 0xff : 0
  let value = (first ^ flip) & 0x7f
  for (let at = offset + 1; at < offset + length; at++) value = value * 256 + (header[at]! ^ flip)
  if (!Number.isSafeInteger(value)) return Number.NaN
  return negative ? -1 - value : value
}

/** The sum of all bytes with the checksum’s own field as blanks. */
export const checksum = (header: Uint8Array): number => {
  let sum = 8 * 0x20
  for (let at = 0; at < 148; at++) sum += header[at]!
  for (let at = 156; at < 512; at++) sum += header[at]!
  return sum
}

/** Some old programs added the bytes up as signed ones. */
export const signedChecksum = (header: Uint8Array): number => {
  let sum = 8 * 0x20
  for (let at = 0; at < 512; at++) if (at < 148 || at >= 156) sum += (header[at]! << 24) >> 24
  return sum
}
