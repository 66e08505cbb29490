/** The files of a spool folder: found, made for a new run, mended after a keeper that was killed. */
import { randomBytes } from '../sys/random.ts'
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readdirSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { WherryError } from '../errors.ts'
import { isErrno } from '../sys/error.ts'
import { EXIT, FILE_HEADER, RECORD, SPOOL } from './layout.ts'
import { decodeFileHeader, decodeRecord, encodeFileHeader, type FileHeader } from './spool.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_WRONLY } = constants
/** Read at once; at least one record fits. */
const CHUNK = 1 << 20

export interface SpoolFile {
  readonly name: string
  readonly header: FileHeader
}

/** The header of the file open at `fd`; undefined for what is no spool file. */
export const readHeader = (fd: number): FileHeader | undefined => {
  const bytes = Buffer.alloc(FILE_HEADER.size)
  const length = readSync(fd, bytes, 0, bytes.length, 0)
  return decodeFileHeader(bytes.subarray(0, length))
}

/** The files of a spool, the oldest first. One that is replaced meanwhile may be missing. */
export const listSpool = (folder: string): SpoolFile[] => {
  const files: SpoolFile[] = []
  for (const name of readdirSync(folder)) {
    if (!SPOOL.logPattern.test(name)) continue
    let fd: number
    try {
      fd = openSync(join(folder, name), O_RDONLY | O_NOFOLLOW)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) continue
      throw error
    }
    try {
      const header = readHeader(fd)
      if (header !== undefined) files.push({ name, header })
    } finally {
      closeSync(fd)
    }
  }
  return files.sort((a, b) => (a.header.sequence < b.header.sequence ? -1 : 1))
}

/**
 * Makes whole what a killed keeper has left torn at the end of the file open at `fd`: a record whose payload is cut short becomes
 * one of that length; half a header, or what a power cut has left, is cut off. Returns the length.
 */
export const mend = (fd: number): number => {
  const chunk = Buffer.alloc(CHUNK)
  let end: number = FILE_HEADER.size
  for (;;) {
    const length = readSync(fd, chunk, 0, CHUNK, end)
    let at = 0
    let decoded = decodeRecord(chunk.subarray(0, length), at)
    while (decoded.kind === 'record') {
      at = decoded.end
      decoded = decodeRecord(chunk.subarray(0, length), at)
    }
    end += at
    if (decoded.kind === 'torn' && length === CHUNK) continue
    const payload = length - at - RECORD.size
    if (decoded.kind === 'torn' && decoded.header && payload > 0) {
      const word = Buffer.alloc(4)
      word.writeUInt32LE(payload)
      writeSync(fd, word, 0, 4, end + RECORD.length)
      return end + RECORD.size + payload
    }
    if (fstatSync(fd).size > end) ftruncateSync(fd, end)
    return end
  }
}

export interface SpoolOptions {
  /** Bytes of one file, at least 4096. */
  readonly limit: number
  /** How many files there are at most, 2 to 1000. */
  readonly slots: number
  /** False: the oldest file is replaced. True: the reader removes what it has read, and the container waits for it. */
  readonly consumed: boolean
}

export interface OpenedSpool {
  /** The newest file, close-on-exec, the caller's to close. */
  readonly fd: number
  readonly id: bigint
  readonly sequence: bigint
  /** Where it is to be continued. */
  readonly offset: number
}

export const LEAST_LIMIT = 4096
export const MOST_SLOTS = 1000

const checkOptions = ({ limit, slots }: SpoolOptions): void => {
  if (!Number.isSafeInteger(limit) || limit < LEAST_LIMIT)
    throw new WherryError('invalid-argument', `spool: a file of ${limit} bytes is too small: at least ${LEAST_LIMIT} are needed`)
  if (!Number.isInteger(slots) || slots < 2 || slots > MOST_SLOTS)
    throw new WherryError('invalid-argument', `spool: ${slots} files are not possible: 2 to ${MOST_SLOTS} are`)
}

const makeFirst = (folder: string, options: SpoolOptions): OpenedSpool => {
  const id = randomBytes(8).readBigUInt64LE()
  const temporary = join(folder, SPOOL.next)
  const fd = openSync(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    writeSync(fd, encodeFileHeader({ id, sequence: 0n, ...options }))
    renameSync(temporary, join(folder, SPOOL.log(0)))
    return { fd, id, sequence: 0n, offset: FILE_HEADER.size }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * Opens the spool of `folder` for a keeper: continues what is there, or begins. Only for a folder that no keeper writes to.
 * What is left of an earlier run's end is removed.
 */
export const openSpool = (folder: string, options: SpoolOptions): OpenedSpool => {
  checkOptions(options)
  for (const name of [SPOOL.exit, SPOOL.exitNext, SPOOL.next]) rmSync(join(folder, name), { force: true })
  const newest = listSpool(folder).at(-1)
  if (newest === undefined) return makeFirst(folder, options)
  const { header, name } = newest
  if (header.slots !== options.slots || header.consumed !== options.consumed)
    throw new WherryError(
      'failed-precondition',
      `spool ${folder}: it was made for ${header.slots} files${header.consumed ? ', consumed' : ''}: remove it to change that`,
    )
  const fd = openSync(join(folder, name), O_RDWR | O_NOFOLLOW)
  try {
    return { fd, id: header.id, sequence: header.sequence, offset: mend(fd) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Makes the room that the exit record is written to, so that a full disk cannot refuse it; returns a close-on-exec descriptor. */
export const makeExitRoom = (folder: string): number => {
  const fd = openSync(join(folder, SPOOL.exitNext), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    writeSync(fd, Buffer.alloc(EXIT.size))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
