/**
 * Names of files are bytes; here they are strings. A byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte, as in
 * Python’s PEP 383, so that every name comes out as it went in and prints sensibly where it is UTF-8.
 */
import { isUtf8 } from 'node:buffer'

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Length of the valid UTF-8 sequence at `at`, 0 if there is none. */
const sequenceAt = (bytes: Uint8Array, at: number): number => {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) if (isUtf8(bytes.subarray(at, at + length))) return length
  return 0
}

const escaped = (bytes: Uint8Array): string => {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceAt(bytes, at)
    text += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : asBuffer(bytes.subarray(at, at + length)).toString()
    at += length || 1
  }
  return text
}

export const decodeBytes = (bytes: Uint8Array): string => {
  const text = asBuffer(bytes).toString()
  return text.includes('\ufffd') && !isUtf8(bytes) ? escaped(bytes) : text
}

/** The inverse of `decodeBytes`. */
export const encodeBytes = (text: string): Buffer => {
  if (text.isWellFormed()) return Buffer.from(text)
  const parts: Uint8Array[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Uint8Array.of(code - 0xdc00) : Buffer.from(character))
  }
  return Buffer.concat(parts)
}

/** For messages, in quotes; what cannot be printed, or would turn the text around, is escaped. */
export const shown = (text: string): string =>
  JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text)
    .replace(/\\udc([89a-f][0-9a-f])/g, '\\x$1')
    .replace(
      /[\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
