/**
 * Writing to a container's stdin or terminal without ever blocking this process. libuv takes a FIFO, but not a pty's master: what
 * that one does not take now is offered to it again after a while.
 */
import { closeSync, writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { isErrno } from '../sys/error.ts'

/** Milliseconds between offers. */
const PAUSE = 10

type Done = (error?: Error | null) => void

/** @param fd of a pty's master, non-blocking; it is the stream's own from here on. */
export class TerminalInput extends Writable {
  readonly #fd: number
  #timer: NodeJS.Timeout | undefined

  constructor(fd: number) {
    super({ decodeStrings: true })
    this.#fd = fd
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    let at = 0
    const offer = (): void => {
      this.#timer = undefined
      try {
        while (at < chunk.length) at += writeSync(this.#fd, chunk, at)
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) this.#timer = setTimeout(offer, PAUSE)
        else done(error as Error)
        return
      }
      done()
    }
    offer()
  }

  override _destroy(error: Error | null, done: Done): void {
    clearTimeout(this.#timer)
    closeSync(this.#fd)
    done(error)
  }
}

/** @param fd of the writing end of a FIFO, non-blocking; it is the stream's own from here on. */
export const pipeInput = (fd: number): Writable =>
  new (process.getBuiltinModule('node:net').Socket)({ fd, readable: false, writable: true })
