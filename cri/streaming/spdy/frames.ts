/** Frames as they are on the wire: SPDY/3.1 draft, "Framing layer". All numbers are big-endian. */
import { DICTIONARY_ID } from './dictionary.ts'

export const VERSION = 3

export const TYPES = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const

export const FLAG_FIN = 1

/** Status of RST_STREAM. */
export const RESET = {
  PROTOCOL_ERROR: 1,
  REFUSED_STREAM: 3,
  CANCEL: 5,
} as const

/** Of every frame. */
export const HEADER_SIZE = 8
/** The length of a frame has 24 bits. */
export const MOST_DATA = 0xffffff

const CONTROL = 0x8000

const control = (type: number, flags: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(HEADER_SIZE + payload.length)
  bytes.writeUInt16BE(CONTROL | VERSION, 0)
  bytes.writeUInt16BE(type, 2)
  bytes.writeUInt32BE((flags << 24) | payload.length, 4)
  bytes.set(payload, HEADER_SIZE)
  return bytes
}

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4)
  return bytes
}

/** What stands before `length` bytes of data. */
export const dataHeader = (stream: number, length: number, flags: number): Buffer => words(stream, ((flags << 24) | length) >>> 0)

export const resetFrame = (stream: number, status: number): Buffer => control(TYPES.RST_STREAM, 0, words(stream, status))

export const pingFrame = (payload: Uint8Array): Buffer => control(TYPES.PING, 0, payload)

export const goAwayFrame = (lastStream: number): Buffer => control(TYPES.GOAWAY, 0, words(lastStream, 0))

/** RFC 1950: deflate with a window of 32 KiB, a dictionary, and check bits. */
const ZLIB = Buffer.from([0x78, 0xbb, 0, 0, 0, 0])
ZLIB.writeUInt32BE(DICTIONARY_ID, 2)
/**
 * RFC 1951: a stored block that is not the last one, of four bytes: a header block with no pairs. Then an empty one, as Z_SYNC_FLUSH makes:
 * Go's decompressor gives out the first block when it has seen the second, and looking for it in the next frame it fails for good.
 */
const NO_PAIRS = Buffer.from([0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])

/**
 * Accepts a stream. Our header blocks are always empty, so there is no compressor, whose window would cost each connection some 256 KiB.
 * @param first of the connection: the zlib stream of a connection begins once
 */
export const replyFrame = (stream: number, first: boolean): Buffer =>
  control(TYPES.SYN_REPLY, 0, Buffer.concat([words(stream), ...(first ? [ZLIB] : []), NO_PAIRS]))
