/** The spool's files: pure reading and writing of their bytes. Input and output are in files.ts and reader.ts. */
import { FILE_FLAGS, FILE_HEADER, FILE_MAGIC, MAX_PAYLOAD, RECORD, RECORD_MAGIC, STREAMS } from './layout.ts'

export interface FileHeader {
  readonly id: bigint
  readonly sequence: bigint
  readonly slots: number
  readonly consumed: boolean
  readonly limit: number
}

export const encodeFileHeader = (header: FileHeader): Uint8Array => {
  const bytes = Buffer.alloc(FILE_HEADER.size)
  bytes.writeBigUInt64LE(FILE_MAGIC, FILE_HEADER.magic)
  bytes.writeBigUInt64LE(header.id, FILE_HEADER.id)
  bytes.writeBigUInt64LE(header.sequence, FILE_HEADER.sequence)
  bytes.writeUInt32LE(header.slots, FILE_HEADER.slots)
  bytes.writeUInt32LE(header.consumed ? FILE_FLAGS.consumed : 0, FILE_HEADER.flags)
  bytes.writeBigUInt64LE(BigInt(header.limit), FILE_HEADER.limit)
  return bytes
}

/** Undefined for what is no spool file of this version: too short, or another magic number. */
export const decodeFileHeader = (bytes: Uint8Array): FileHeader | undefined => {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.length < FILE_HEADER.size || view.readBigUInt64LE(FILE_HEADER.magic) !== FILE_MAGIC) return undefined
  return {
    id: view.readBigUInt64LE(FILE_HEADER.id),
    sequence: view.readBigUInt64LE(FILE_HEADER.sequence),
    slots: view.readUInt32LE(FILE_HEADER.slots),
    consumed: (view.readUInt32LE(FILE_HEADER.flags) & FILE_FLAGS.consumed) !== 0,
    limit: Number(view.readBigUInt64LE(FILE_HEADER.limit)),
  }
}

export type Stream = keyof typeof STREAMS

export interface SpoolRecord {
  /** CLOCK_REALTIME in nanoseconds: when the keeper had read the payload. */
  readonly time: bigint
  readonly stream: Stream
  readonly payload: Buffer
}

const NAMES = new Map<number, Stream>(Object.entries(STREAMS).map(([name, number]) => [number, name as Stream]))

export const encodeRecord = ({ time, stream, payload }: { time: bigint; stream: Stream; payload: Uint8Array }): Uint8Array => {
  if (payload.length < 1 || payload.length > MAX_PAYLOAD)
    throw new RangeError(`a record holds 1 to ${MAX_PAYLOAD} bytes, not ${payload.length}`)
  const bytes = Buffer.alloc(RECORD.size + payload.length)
  bytes.writeUInt32LE(payload.length, RECORD.length)
  bytes.writeUInt8(STREAMS[stream], RECORD.stream)
  bytes.writeUInt16LE(RECORD_MAGIC, RECORD.magic)
  bytes.writeBigInt64LE(time, RECORD.time)
  bytes.set(payload, RECORD.size)
  return bytes
}

/** What stands at a place of a spool file. */
export type Decoded =
  | { readonly kind: 'record'; readonly record: SpoolRecord; readonly end: number }
  /** The bytes end before the record does: more is to come, or the keeper died. `start` is where the payload begins, `missing` how much of it there is not. */
  | { readonly kind: 'torn'; readonly header: boolean }
  /** No keeper has written this. */
  | { readonly kind: 'alien' }

/** The record at `offset` of `bytes`; its payload shares their memory. */
export const decodeRecord = (bytes: Buffer, offset: number): Decoded => {
  if (offset + RECORD.size > bytes.length) return { kind: 'torn', header: false }
  const length = bytes.readUInt32LE(offset + RECORD.length)
  const stream = NAMES.get(bytes.readUInt8(offset + RECORD.stream))
  if (bytes.readUInt16LE(offset + RECORD.magic) !== RECORD_MAGIC || stream === undefined || length < 1 || length > MAX_PAYLOAD)
    return { kind: 'alien' }
  const start = offset + RECORD.size
  if (start + length > bytes.length) return { kind: 'torn', header: true }
  const time = bytes.readBigInt64LE(offset + RECORD.time)
  return { kind: 'record', record: { time, stream, payload: bytes.subarray(start, start + length) }, end: start + length }
}
