/**
 * How far a log has got: one small record, overwritten by one write(2), which a process that is killed has done or not, and which needs no room
 * on a full disk once the file is there. What stands in the log behind `size` has been derived from what comes behind `start`: the next server
 * derives it again and goes on where it ends.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Start } from './derive.ts'

export interface Identity {
  readonly dev: bigint
  readonly ino: bigint
}

export interface Place {
  /** Undefined: the start of the spool. */
  readonly start: Start | undefined
  /** Bytes of text behind `start` that were in logs when `file` had `size` bytes. */
  readonly derived: number
  readonly file: Identity
  readonly size: number
  /** The container has ended, and all is there. */
  readonly done: boolean
}

/** `WHPLACE` and the version, 1. All fields are u64, little-endian. */
const MAGIC = 0x01_4543_414c_5048_57n
const FIELDS = 9

export const encodePlace = ({ start, derived, file, size, done }: Place): Buffer => {
  const flags = (start === undefined ? 0n : 1n) | (done ? 2n : 0n)
  const words = [
    MAGIC,
    flags,
    start?.id ?? 0n,
    start?.sequence ?? 0n,
    BigInt(start?.offset ?? 0),
    BigInt(derived),
    file.dev,
    file.ino,
    BigInt(size),
  ]
  const bytes = Buffer.alloc(8 * FIELDS)
  for (const [index, word] of words.entries()) bytes.writeBigUInt64LE(word, 8 * index)
  return bytes
}

/** Undefined for what is none of this version: the power failed before the disk had it. */
export const decodePlace = (bytes: Buffer): Place | undefined => {
  if (bytes.length < 8 * FIELDS || bytes.readBigUInt64LE(0) !== MAGIC) return undefined
  const [, flags, id, sequence, offset, derived, dev, ino, size] = Array.from({ length: FIELDS }, (_, index) =>
    bytes.readBigUInt64LE(8 * index),
  ) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  return {
    start: (flags & 1n) === 0n ? undefined : { id, sequence, offset: Number(offset) },
    derived: Number(derived),
    file: { dev, ino },
    size: Number(size),
    done: (flags & 2n) !== 0n,
  }
}

export const readPlace = (path: string): Place | undefined => {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const bytes = Buffer.alloc(8 * FIELDS)
    return decodePlace(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)))
  } finally {
    closeSync(fd)
  }
}

/** Makes the file if it is not there. */
export const writePlace = (path: string, place: Place): void => {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    const bytes = encodePlace(place)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
  } finally {
    closeSync(fd)
  }
}
