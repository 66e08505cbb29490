/** The parent's end of the channel to a program (init/sync.ts). */
import { closeSync } from 'node:fs'
import { ERRNO } from '../sys/abi/errno.ts'
import { SyscallError } from '../sys/error.ts'
import { syscall, trySyscall } from '../sys/syscall.ts'
import { socketpair } from '../sys/unix.ts'
import { answered } from './answer.ts'

export class Channel {
  readonly #own: number
  /** The end to be given to the program; close it here once it has it. */
  readonly theirs: number
  #closed = false
  #theirsClosed = false

  constructor() {
    ;[this.#own, this.theirs] = socketpair()
  }

  handOver(): void {
    if (!this.#theirsClosed) closeSync(this.theirs)
    this.#theirsClosed = true
  }

  /** The next letter, or undefined at the end: the program has executed its process, or ended. */
  async receive(): Promise<string | undefined> {
    await answered(this.#own)
    const byte = Buffer.alloc(1)
    const length = trySyscall('read', this.#own, byte, 1)
    if (length < 0 && length !== -ERRNO.ECONNRESET) throw new SyscallError('read', -length)
    return length === 1 ? byte.toString('latin1') : undefined
  }

  go(): void {
    this.answer('.')
  }

  answer(text: string): void {
    syscall('sendto', [this.#own, text, Buffer.byteLength(text), 0x4000 /* MSG_NOSIGNAL */, 0, 0])
  }

  close(): void {
    this.handOver()
    if (!this.#closed) closeSync(this.#own)
    this.#closed = true
  }
}
