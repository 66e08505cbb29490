/** What comes on our stdin goes to the container. Without streams of Node’s: whoever waits by poll(2) is told what for. */
import { closeSync, readSync, writeSync } from 'node:fs'
import { POLLERR, POLLIN, POLLNVAL, POLLOUT } from '../../../runtime/sys/abi/poll.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { Interest } from '../../../runtime/sys/poll.ts'
import type { DetachFilter } from './detach-keys.ts'

const CHUNK = 64 * 1024
/** The other end has hung up, or the stream is none that can be read. */
const GONE = ['EIO', 'EBADF', 'EPIPE', 'EISDIR', 'EINVAL', 'ENXIO', 'ECONNRESET', 'ENOTCONN']

export interface TypingOptions {
  readonly from: number
  /** A FIFO’s writing end or a terminal’s master, non-blocking; closed at the end. */
  readonly to: number
  /** It is a FIFO: that nobody reads it any more is told by an error. */
  readonly pipe: boolean
  readonly filter?: DetachFilter
}

export class Typing {
  readonly #options: TypingOptions
  /** Bytes of ours that the container has not taken yet. */
  #rest: Uint8Array = new Uint8Array()
  #last: 'end' | 'detached' | undefined
  #how: 'end' | 'detached' | 'closed' | undefined

  constructor(options: TypingOptions) {
    this.#options = options
  }

  /** How it ended: all of it has come, the keys to leave have, or the container takes no more. Undefined: it goes on. */
  get how(): 'end' | 'detached' | 'closed' | undefined {
    return this.#how
  }

  interests(): Interest[] {
    const { from, to, pipe } = this.#options
    if (this.#how !== undefined) return []
    if (this.#rest.length > 0) return [{ fd: to, events: POLLOUT }]
    return [{ fd: from, events: POLLIN }, ...(pipe ? [{ fd: to, events: 0 }] : [])]
  }

  /** @param ready what poll(2) says of `interests` */
  step([first = 0, second = 0]: readonly number[]): void {
    if (this.#how !== undefined || (first === 0 && second === 0)) return
    try {
      if (this.#rest.length === 0) {
        if ((second & (POLLERR | POLLNVAL)) !== 0) this.#end('closed')
        else if (first !== 0) this.#read()
      }
      if (this.#how === undefined) this.#offer()
    } catch (error) {
      if (isErrno(error, 'EAGAIN', 'EINTR')) return
      if (!isErrno(error, ...GONE)) throw error
      this.#end(this.#rest.length > 0 ? 'closed' : 'end')
    }
  }

  close(): void {
    if (this.#how === undefined) this.#end('closed')
  }

  #read(): void {
    const { from, filter } = this.#options
    const buffer = Buffer.allocUnsafe(CHUNK)
    const length = readSync(from, buffer)
    if (length === 0) {
      this.#last = 'end'
      return
    }
    const { pass, detached } = filter?.push(buffer.subarray(0, length)) ?? { pass: buffer.subarray(0, length), detached: false }
    this.#rest = pass
    if (detached) this.#last = 'detached'
  }

  #offer(): void {
    while (this.#rest.length > 0) this.#rest = this.#rest.subarray(writeSync(this.#options.to, this.#rest))
    if (this.#last !== undefined) this.#end(this.#last)
  }

  #end(how: 'end' | 'detached' | 'closed'): void {
    this.#how = how
    closeSync(this.#options.to)
  }
}
