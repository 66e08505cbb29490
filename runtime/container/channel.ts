/** The parent's end of the channel to a program (init/sync.ts). */
import { closeSync } from 'node:fs'
import { ERRNO } from '../sys/abi/errno.ts'
import { POLLIN } from '../sys/abi/poll.ts'
import { SyscallError } from '../sys/error.ts'
import { syscall, trySyscall } from '../sys/syscall.ts'
import { socketpair } from '../sys/unix.ts'
import { sleep } from '../sleep.ts'

/** How long the event loop may stand still for a program that is about to answer, in milliseconds; most answer within one. */
const PATIENCE = 20
const PAUSE = 2

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
    const byte = Buffer.alloc(1)
    const poll = Buffer.alloc(8)
    poll.writeInt32LE(this.#own, 0)
    poll.writeInt16LE(POLLIN, 4)
    const slice = Buffer.alloc(16)
    slice.writeBigInt64LE(BigInt(PATIENCE * 1e6), 8)
    let ready = trySyscall('ppoll', poll, 1, slice, 0, 8)
    while (ready === 0 || ready === -ERRNO.EINTR) {
      await sleep(PAUSE)
      ready = trySyscall('ppoll', poll, 1, Buffer.alloc(16), 0, 8)
    }
    if (ready < 0) throw new SyscallError('ppoll', -ready)
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
