/**
 * What an exec'd process writes, as a stream that ends with the process: what others hold its pipes open for is not waited for. All that it had
 * written by its end is in the stream.
 */
import { readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadStream } from 'node:tty'
import { isErrno } from '../../../runtime/sys/error.ts'

const CHUNK = 64 * 1024

export class ExecOutput extends Readable {
  readonly #fd: number
  readonly #source: Socket | ReadStream
  #over = false
  #told: (() => void) | undefined

  /** @param fd of the source, which owns it */
  constructor(fd: number, source: Socket | ReadStream) {
    super({ highWaterMark: CHUNK })
    this.#fd = fd
    this.#source = source
    source.on('data', (bytes: Buffer) => {
      if (!this.#over && !this.push(bytes)) source.pause()
    })
    // of a terminal’s master the end is an error: EIO
    source.on('error', () => this.#end())
    source.on('close', () => this.#end())
    source.on('end', () => this.#end())
    source.pause()
  }

  override _read(): void {
    if (!this.#over) this.#source.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#over = true
    this.#source.destroy()
    done(error)
  }

  get over(): boolean {
    return this.#over
  }

  /** Calls it when nothing more comes, though what has come may not have been read. */
  whenOver(tell: () => void): void {
    if (this.#over) tell()
    else this.#told = tell
  }

  /** Takes what is there now, and is over. To be called once the process has ended. */
  finish(): void {
    if (this.#over) return
    if (this.#source.destroyed) {
      this.#end()
      return
    }
    for (let rest = this.#source.read() as Buffer | null; rest !== null; rest = this.#source.read() as Buffer | null) this.push(rest)
    this.#drain()
    this.#end()
  }

  #drain(): void {
    // others may go on writing: no more than a pipe holds
    for (let left = 1024 * 1024; left > 0; ) {
      const buffer = Buffer.allocUnsafe(CHUNK)
      try {
        const length = readSync(this.#fd, buffer)
        if (length === 0) return
        left -= length
        this.push(buffer.subarray(0, length))
      } catch (error) {
        if (isErrno(error, 'EINTR')) continue
        if (isErrno(error, 'EAGAIN', 'EIO', 'EBADF')) return
        throw error
      }
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.push(null)
    this.#source.destroy()
    this.#told?.()
  }
}
