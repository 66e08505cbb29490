/** Where an archive is written to: a file that appears when it is whole, or a pipe. */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fsyncSync, openSync, renameSync, statSync, unlinkSync, write } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { whenReady } from './read-range.ts'

export interface Output {
  /** As messages name it. */
  readonly name: string
  /** Bytes written so far. */
  readonly position: number
  /** The bytes are the caller’s again when it resolves. */
  append(bytes: Uint8Array): Promise<void>
  /** Writes over what is there already. Missing where the output is a pipe. */
  readonly patch?: (position: number, bytes: Uint8Array) => Promise<void>
  /** On the disk, under its name. */
  commit(): Promise<void>
  /** Idempotent; after no commit nothing is left of it. */
  close(): void
}

const writeAt = promisify(write)

const writeAll = async (fd: number, bytes: Uint8Array, position: number | null, name: string): Promise<void> => {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await whenReady(() =>
        writeAt(fd, bytes, done, bytes.length - done, position === null ? null : position + done),
      )
      done += bytesWritten
    }
  } catch (cause) {
    if (isErrno(cause, 'ENOSPC', 'EDQUOT')) throw new WherryError('resource-exhausted', `${name}: no space left on the device`, { cause })
    if (isErrno(cause, 'EPIPE')) throw new WherryError('unavailable', `${name}: nobody reads any more`, { cause })
    throw cause
  }
}

const BUFFER = 512 * 1024

/** Small pieces are gathered: archives have three for each file. */
class Gathered {
  readonly #buffer = Buffer.allocUnsafe(BUFFER)
  readonly #write: (bytes: Uint8Array) => Promise<void>
  #filled = 0

  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#filled + bytes.length > BUFFER) await this.flush()
    if (bytes.length >= BUFFER) {
      await this.#write(bytes)
      return
    }
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  async flush(): Promise<void> {
    const filled = this.#filled
    this.#filled = 0
    if (filled > 0) await this.#write(this.#buffer.subarray(0, filled))
  }
}

class PipeOutput implements Output {
  readonly name: string
  position = 0
  readonly #fd: number
  readonly #owned: boolean
  readonly #gathered: Gathered
  #open = true

  constructor(fd: number, name: string, owned: boolean) {
    this.#fd = fd
    this.name = name
    this.#owned = owned
    this.#gathered = new Gathered((bytes) => writeAll(fd, bytes, null, name))
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#gathered.append(bytes)
    this.position += bytes.length
  }

  commit(): Promise<void> {
    return this.#gathered.flush()
  }

  close(): void {
    if (this.#open && this.#owned) closeSync(this.#fd)
    this.#open = false
  }
}

class FileOutput implements Output {
  readonly name: string
  position = 0
  readonly #path: string
  readonly #temporary: string
  readonly #fd: number
  readonly #gathered: Gathered
  #written = 0
  #state: 'open' | 'committed' | 'closed' = 'open'

  constructor(path: string) {
    this.name = path
    this.#path = path
    this.#temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString('hex')}`)
    this.#fd = openSync(this.#temporary, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o644)
    this.#gathered = new Gathered(async (bytes) => {
      await writeAll(this.#fd, bytes, this.#written, this.name)
      this.#written += bytes.length
    })
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#gathered.append(bytes)
    this.position += bytes.length
  }

  readonly patch = async (position: number, bytes: Uint8Array): Promise<void> => {
    await this.#gathered.flush()
    await writeAll(this.#fd, bytes, position, this.name)
  }

  async commit(): Promise<void> {
    await this.#gathered.flush()
    fsyncSync(this.#fd)
    renameSync(this.#temporary, this.#path)
    this.#state = 'committed'
    closeSync(this.#fd)
  }

  close(): void {
    if (this.#state !== 'open') return
    this.#state = 'closed'
    closeSync(this.#fd)
    unlinkSync(this.#temporary)
  }
}

/** `where`: a path, which is replaced when the archive is whole (a FIFO or device is written to), or a descriptor, which is not closed. */
export const openOutput = (where: string | number): Output => {
  if (typeof where === 'number') return new PipeOutput(where, 'standard output', false)
  const stat = statSync(where, { throwIfNoEntry: false })
  if (stat?.isDirectory() === true) throw new WherryError('invalid-argument', `${where}: is a folder; name a file in it`)
  try {
    return stat === undefined || stat.isFile() ? new FileOutput(where) : new PipeOutput(openSync(where, 'w'), where, true)
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) throw new WherryError('not-found', `${where}: its folder is not there`, { cause })
    if (isErrno(cause, 'EACCES', 'EPERM', 'EROFS')) throw new WherryError('permission-denied', `${where}: cannot be written`, { cause })
    throw cause
  }
}
