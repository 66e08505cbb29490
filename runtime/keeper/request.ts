/** Asks a keeper for a descriptor: one byte there, a message and the descriptor back. */
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { WherryError } from '../errors.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { MSG_DONTWAIT, MSG_NOSIGNAL } from '../sys/abi/socket.ts'
import { SyscallError } from '../sys/error.ts'
import { receiveFds } from '../sys/scm.ts'
import { syscall, trySyscall } from '../sys/syscall.ts'
import { unixConnect } from '../sys/unix.ts'
import { monotonic } from '../sys/clock.ts'
import { sleep } from '../sleep.ts'
import { EVENTS, MESSAGE, REQUESTS, RUN } from './layout.ts'

/** Milliseconds that a keeper may take for an answer; it takes one tenth of one. */
const PATIENCE = 2000
const PAUSE = 5

export type Request = Exclude<keyof typeof REQUESTS, 'subscribe' | 'acknowledge'>

/** A connection that asks. What was asked for ends with it where docs/keeper.md says so. */
export class Requester {
  readonly #run: string
  readonly #socket: number
  #closed = false

  /** Connects to the keeper of a run folder. Throws SyscallError, ENOENT or ECONNREFUSED, where there is none. */
  constructor(run: string) {
    this.#run = run
    this.#socket = unixConnect(join(run, RUN.socket), { timeout: PATIENCE })
  }

  /** Asks once; a negative errno is a refusal. A descriptor is close-on-exec and the caller's to close. */
  ask(request: Request): { readonly result: number; readonly fd: number | undefined } {
    const letter = Buffer.from(REQUESTS[request])
    syscall('sendto', [this.#socket, letter, letter.length, MSG_NOSIGNAL, 0, 0], { during: `keeper ${this.#run}` })
    const { payload, fds } = receiveFds(this.#socket, { timeout: PATIENCE, maxFds: 1, maxPayload: MESSAGE.size })
    const message = Buffer.from(payload)
    if (message.length !== MESSAGE.size || message.toString('latin1', 0, 1) !== EVENTS.reply) {
      for (const fd of fds) closeSync(fd)
      throw new WherryError('unavailable', `the keeper of ${this.#run} has not answered: it may be ending`)
    }
    return { result: Number(message.readBigInt64LE(MESSAGE.value)), fd: fds[0] }
  }

  /** Asks for a descriptor, for a while also where it is not there yet. Throws SyscallError where it is refused. */
  async descriptor(request: Request, patience = PATIENCE): Promise<number> {
    for (const deadline = monotonic() + patience; ; await sleep(PAUSE)) {
      const { result, fd } = this.ask(request)
      if (fd !== undefined) return fd
      if (result !== -ERRNO.EAGAIN || monotonic() > deadline)
        throw new SyscallError('keeper', -result, { args: [request, this.#run], ...hintFor(result) })
    }
  }

  /** For who waits by poll(2): readable when an answer or the keeper's end has come. Belongs to this. */
  get fd(): number {
    return this.#socket
  }

  /** Whether the keeper is gone; answers that have come are dropped. */
  isOver(): boolean {
    const bytes = Buffer.alloc(MESSAGE.size * 16)
    for (;;) {
      const length = trySyscall('recvfrom', this.#socket, bytes, bytes.length, MSG_DONTWAIT, 0, 0)
      if (length === -ERRNO.EAGAIN) return false
      if (length <= 0 && length !== -ERRNO.EINTR) return true
    }
  }

  /** Asks, and does not wait for an answer: `isOver` drops it. */
  tell(request: Request): void {
    const letter = Buffer.from(REQUESTS[request])
    const result = trySyscall('sendto', this.#socket, letter, letter.length, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0)
    // a keeper that is gone has closed everything
    if (result < 0 && result !== -ERRNO.EPIPE && result !== -ERRNO.ECONNRESET)
      throw new SyscallError('sendto', -result, { args: [request] })
  }

  close(): void {
    if (!this.#closed) closeSync(this.#socket)
    this.#closed = true
  }
}

const hintFor = (result: number): { hint?: string } => {
  if (result === -ERRNO.EPIPE) return { hint: 'the container’s stdin is closed, or was never open' }
  if (result === -ERRNO.ENOTTY) return { hint: 'the container has no terminal' }
  if (result === -ERRNO.EAGAIN) return { hint: 'the container’s init does not exist yet' }
  return {}
}

/** A pidfd of the container's init. */
export const initPidfd = async (run: string): Promise<number> => {
  const requester = new Requester(run)
  try {
    return await requester.descriptor('pidfd')
  } finally {
    requester.close()
  }
}
