/**
 * The text of a log, derived from a spool: always the same bytes, wherever one begins anew. Each spool file is formatted on its own: a line that
 * has begun at its end is cut there (as a partial one, which readers join), so that files can be removed without anything being remembered.
 */
import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { listSpool, readHeader } from '../../runtime/keeper/files.ts'
import { FILE_HEADER, MAX_PAYLOAD, RECORD, SPOOL } from '../../runtime/keeper/layout.ts'
import { decodeRecord, type FileHeader, type SpoolRecord } from '../../runtime/keeper/spool.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { Formatter, MOST_LINE, Output } from './line.ts'

/** In a thread of libuv's: what has waited for long has to come from the disk. */
const readLater: (fd: number, buffer: Buffer, offset: number, length: number, position: number) => Promise<{ bytesRead: number }> =
  promisify(read)

const CHUNK = 256 * 1024
const TEXT = 512 * 1024
/** What has only just been written is in memory: for little of it a thread would cost more than the read. */
const LITTLE = 16 * 1024

/** Memory for one step, shared by all containers. */
export class Workspace {
  readonly chunk: Buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK, MAX_PAYLOAD + RECORD.size))
  readonly text = new Output(Math.max(TEXT, 4 * MOST_LINE))
}

/** A place in a spool at which no line has begun. */
export interface Start {
  readonly id: bigint
  readonly sequence: bigint
  readonly offset: number
}

export interface Look {
  /** There may be another file. */
  readonly next: boolean
  /** All that will ever be there was there before this step began. */
  readonly ended: boolean
}

/** `more`: there is text, or more to look at. `idle`: not until the spool changes. `done`: never. */
export type Step = 'more' | 'idle' | 'done'

interface OpenFile {
  readonly fd: number
  readonly header: FileHeader
}

const openFile = (path: string): OpenFile | undefined => {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const header = readHeader(fd)
    if (header !== undefined) return { fd, header }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return undefined
}

export class Derivation {
  readonly #folder: string
  /** Where it is to begin: as far as that is there. */
  readonly #from: Start | undefined
  #formatter = new Formatter()
  #file: OpenFile | undefined
  #next: OpenFile | undefined
  /** Of the record that comes next, and how much of its payload has been taken. */
  #offset: number = FILE_HEADER.size
  #taken = 0
  /** Files behind `from` were not there: what they held is lost. */
  lost = false

  constructor(folder: string, from: Start | undefined) {
    this.#folder = folder
    this.#from = from
  }

  /** Where one can begin anew; undefined within a line, and where there is no spool yet. */
  get restart(): Start | undefined {
    if (this.#file === undefined || this.#taken > 0 || !this.#formatter.clean) return undefined
    return { id: this.#file.header.id, sequence: this.#file.header.sequence, offset: this.#offset }
  }

  /** Puts what comes next into the workspace’s text, as much as fits. */
  async step({ chunk, text }: Workspace, { next, ended }: Look): Promise<Step> {
    text.length = 0
    this.#file ??= this.#open()
    if (this.#file === undefined) return ended ? 'done' : 'idle'
    const before = this.#offset + this.#taken
    const length = await this.#read(chunk)
    const at = this.#format(chunk, length, text)
    if (at === undefined || text.length > 0 || this.#offset + this.#taken > before) return 'more'
    // from here on: nothing whole is there
    if (this.#next === undefined && next) {
      this.#next = this.#openNext(this.#file)
      // the file was complete before the next one was made: it is read once more
      if (this.#next !== undefined) return 'more'
    }
    if (this.#next === undefined && !ended) return 'idle'
    // a keeper that was killed has left half a record
    if (!this.#takeTorn(chunk, at, length, text)) return 'more'
    if (!this.#formatter.cut(text)) return 'more'
    if (this.#next === undefined) return 'done'
    this.#turn(this.#next)
    return 'more'
  }

  rest(): void {
    this.#formatter.rest()
  }

  close(): void {
    for (const file of [this.#file, this.#next]) if (file !== undefined) closeSync(file.fd)
    this.#file = undefined
    this.#next = undefined
  }

  #open(): OpenFile | undefined {
    const from = this.#from
    const files = listSpool(this.#folder)
    const wanted = from === undefined ? undefined : files.find(({ header }) => header.id === from.id && header.sequence >= from.sequence)
    const found = wanted ?? (from === undefined ? files[0] : undefined)
    if (found === undefined) return undefined
    const file = openFile(`${this.#folder}/${found.name}`)
    if (file === undefined) return undefined
    if (from !== undefined && file.header.sequence === from.sequence) this.#offset = from.offset
    else this.lost = from !== undefined
    return file
  }

  #openNext({ header }: OpenFile): OpenFile | undefined {
    const wanted = header.sequence + 1n
    const file = openFile(`${this.#folder}/${SPOOL.log(wanted % BigInt(header.slots))}`)
    if (file === undefined) return undefined
    if (file.header.id === header.id && file.header.sequence === wanted) return file
    closeSync(file.fd)
    return undefined
  }

  #turn(next: OpenFile): void {
    closeSync(this.#file!.fd)
    this.#file = next
    this.#next = undefined
    this.#offset = FILE_HEADER.size
    this.#taken = 0
  }

  async #read(chunk: Buffer): Promise<number> {
    const { fd } = this.#file!
    const size = fstatSync(fd).size - this.#offset
    if (size <= 0) return 0
    const length = Math.min(size, chunk.length)
    if (length <= LITTLE) return readSync(fd, chunk, 0, length, this.#offset)
    return (await readLater(fd, chunk, 0, length, this.#offset)).bytesRead
  }

  /** Returns where the first record is that is not whole; undefined if the text is full. */
  #format(chunk: Buffer, length: number, text: Output): number | undefined {
    const bytes = chunk.subarray(0, length)
    for (let at = 0; ; ) {
      const decoded = decodeRecord(bytes, at)
      if (decoded.kind !== 'record') return at
      const { record, end } = decoded
      this.#taken = this.#formatter.add(record, this.#taken, text)
      if (this.#taken < record.payload.length) return undefined
      this.#taken = 0
      this.#offset += end - at
      at = end
    }
  }

  /** False: the text has no room for all of it. */
  #takeTorn(chunk: Buffer, at: number, length: number, text: Output): boolean {
    const start = at + RECORD.size
    const decoded = decodeRecord(chunk.subarray(0, length), at)
    if (decoded.kind !== 'torn' || !decoded.header || length <= start) return true
    const header = Buffer.from(chunk.subarray(at, start))
    header.writeUInt32LE(length - start, RECORD.length)
    const mended = decodeRecord(Buffer.concat([header, chunk.subarray(start, length)]), 0)
    if (mended.kind !== 'record') return true
    const record: SpoolRecord = mended.record
    this.#taken = this.#formatter.add(record, this.#taken, text)
    return this.#taken === record.payload.length
  }
}
