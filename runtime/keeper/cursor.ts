/** A place in one spool file, from which records are read. */
import { closeSync, constants, fstatSync, openSync, read, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ERRNO } from '../sys/abi/errno.ts'
import { LOCK_NB, LOCK_SH } from '../sys/abi/fcntl.ts'
import { isErrno, SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'
import { FILE_HEADER, MAX_PAYLOAD, RECORD } from './layout.ts'
import type { Position } from './position.ts'
import { decodeFileHeader, decodeRecord, type FileHeader, type SpoolRecord } from './spool.ts'

/** In a thread of libuv's: what is old has to come from the disk. (node:fs/promises takes long to load.) */
const readLater: (fd: number, buffer: Buffer, offset: number, length: number, position: number) => Promise<{ bytesRead: number }> =
  promisify(read)

/** Read at first, while little comes, and at most. */
const LEAST_CHUNK = 16 * 1024
const MOST_CHUNK = 256 * 1024
const RECORD_FITS = MAX_PAYLOAD + RECORD.size

export type Item =
  | { readonly kind: 'record'; readonly record: SpoolRecord }
  /** Nothing more is there. */
  | { readonly kind: 'end' }
  /** A record has begun: more is to come, or its keeper has died. */
  | { readonly kind: 'torn' }
  /** What follows is no record: the power failed before the disk had it. */
  | { readonly kind: 'alien' }

/** What is at a path: a spool file, nothing that is one, or one that the keeper is about to replace. */
export type Opened = SpoolCursor | 'absent' | 'leaving'

export class SpoolCursor {
  readonly header: FileHeader
  readonly #fd: number
  #offset: number
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  #size = LEAST_CHUNK
  /** The last read found less than it asked for: there was the end. */
  #short = false

  private constructor(fd: number, header: FileHeader) {
    this.#fd = fd
    this.header = header
    this.#offset = FILE_HEADER.size
  }

  /**
   * Opens a spool file at its first record.
   * @param hold keeps it, and all later files, from being replaced until the cursor is closed.
   */
  static async open(folder: string, name: string, hold: boolean): Promise<Opened> {
    const path = join(folder, name)
    let fd: number
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return 'absent'
      throw error
    }
    const result = SpoolCursor.#check(fd, path, hold)
    if (!(result instanceof SpoolCursor)) closeSync(fd)
    return result
  }

  static #check(fd: number, path: string, hold: boolean): Opened {
    const bytes = Buffer.alloc(FILE_HEADER.size)
    const header = decodeFileHeader(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)))
    if (header === undefined) return 'absent'
    if (!hold) return new SpoolCursor(fd, header)
    const locked = trySyscall('flock', fd, LOCK_SH | LOCK_NB)
    if (locked === -ERRNO.EAGAIN) return 'leaving'
    if (locked < 0 && locked !== -ERRNO.ENOTSUP && locked !== -ERRNO.ENOLCK)
      throw new SyscallError('flock', -locked, { args: [path, 'LOCK_SH'] })
    // it may have been replaced between its opening and the lock
    const [own, there] = [fstatSync(fd, { bigint: true }), statSync(path, { bigint: true, throwIfNoEntry: false })]
    return own.ino === there?.ino && own.dev === there.dev ? new SpoolCursor(fd, header) : 'leaving'
  }

  /** Behind the record that was read last. */
  get position(): Position {
    return { id: this.header.id, sequence: this.header.sequence, offset: this.#offset }
  }

  /** Goes to `offset`, or to the end of a shorter file: false. */
  async seek(offset: number): Promise<boolean> {
    const { size } = fstatSync(this.#fd)
    this.#drop()
    this.#offset = Math.max(FILE_HEADER.size, Math.min(offset, size))
    return offset <= size
  }

  /** An `end` may be of the last read: called again, it looks anew. */
  async next(): Promise<Item> {
    const known = this.#decode()
    if (known.kind === 'record') return known
    if (known.kind === 'end' && this.#short) {
      this.#short = false
      return known
    }
    let item: Item
    do {
      const length = this.#size
      await this.#fill()
      item = this.#decode()
      if (item.kind !== 'torn' || this.#chunk.length < length) break
      // a record may be larger than what was read
      this.#size = MOST_CHUNK
    } while (this.#chunk.length < RECORD_FITS)
    return item
  }

  /** What there is of the torn record that `next` has found. It is read past. */
  takeTorn(): SpoolRecord | undefined {
    const header = Buffer.from(this.#chunk.subarray(this.#at, this.#at + RECORD.size))
    const payload = this.#chunk.subarray(this.#at + RECORD.size)
    if (header.length < RECORD.size || payload.length === 0) return undefined
    header.writeUInt32LE(payload.length, RECORD.length)
    const decoded = decodeRecord(Buffer.concat([header, payload]), 0)
    if (decoded.kind !== 'record') return undefined
    this.#advance(decoded.end)
    return decoded.record
  }

  async close(): Promise<void> {
    closeSync(this.#fd)
  }

  #decode(): Item {
    if (this.#at === this.#chunk.length) return { kind: 'end' }
    const decoded = decodeRecord(this.#chunk, this.#at)
    if (decoded.kind !== 'record') return { kind: decoded.kind }
    this.#advance(decoded.end - this.#at)
    return { kind: 'record', record: decoded.record }
  }

  #advance(length: number): void {
    this.#at += length
    this.#offset += length
  }

  #drop(): void {
    this.#chunk = Buffer.alloc(0)
    this.#at = 0
    this.#short = false
  }

  /** Reads anew from where it is. Records share the chunk's memory, so each is a new one. */
  async #fill(): Promise<void> {
    const size = this.#size
    const chunk = Buffer.allocUnsafeSlow(size)
    // a thread of libuv's would cost more than a small read
    const length =
      size === LEAST_CHUNK
        ? readSync(this.#fd, chunk, 0, size, this.#offset)
        : (await readLater(this.#fd, chunk, 0, size, this.#offset)).bytesRead
    this.#chunk = chunk.subarray(0, length)
    this.#at = 0
    this.#short = length < size && length > 0
    if (length === size) this.#size = Math.min(size * 2, MOST_CHUNK)
    else if (length < size / 4) this.#size = Math.max(LEAST_CHUNK, size / 2)
  }
}
