/**
 * Passes on the streams of a process of ours in a container until it has ended: its stdout and stderr from pipes, ours to its stdin. Without
 * streams of Node’s, which take longer to load than most commands take to run: it waits by poll(2), here for a moment, then in a thread.
 */
import { closeSync, readSync, writeSync } from 'node:fs'
import { F_SETFL, O_NONBLOCK } from '../../runtime/sys/abi/fcntl.ts'
import { FIONREAD } from '../../runtime/sys/abi/ioctl.ts'
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from '../../runtime/sys/abi/poll.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { type Interest, pollAll, pollAllLater } from '../../runtime/sys/poll.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { optimise } from '../support/optimise.ts'

const CHUNK = 64 * 1024
/** Milliseconds that signals may wait for a command that is about to end. */
const MOMENT = 30
/** Milliseconds more after which it is worth compiling what passes on its output. */
const LONG = 1000
/** The other end has hung up, or the stream is none that can be read. */
const GONE = ['EIO', 'EBADF', 'EPIPE', 'EISDIR', 'EINVAL', 'ENXIO', 'ECONNRESET', 'ENOTCONN']

/** What comes out of a pipe, and who takes it. */
export interface Output {
  /** The pipe’s reading end; closed at its end. */
  readonly fd: number
  readonly take: (bytes: Uint8Array) => void | Promise<void>
}

export interface Input {
  readonly from: number
  /** The pipe’s writing end; closed when `from` has ended. */
  readonly to: number
}

export interface PumpOptions {
  readonly outputs: readonly Output[]
  readonly input?: Input
  /** Readable when the process has ended. */
  readonly pidfd: number
}

/** One direction: bytes of ours that the process has not taken yet. */
class Feeder {
  readonly #from: number
  readonly #to: number
  #rest: Uint8Array = new Uint8Array()
  #done = false

  constructor({ from, to }: Input) {
    this.#from = from
    this.#to = to
    syscall('fcntl', [to, F_SETFL, O_NONBLOCK])
  }

  /** With bytes in hand the process is to take them, or be gone; without, ours are to come, or the process to close its end. */
  interests(): Interest[] {
    if (this.#done) return []
    return this.#rest.length > 0
      ? [{ fd: this.#to, events: POLLOUT }]
      : [
          { fd: this.#from, events: POLLIN },
          { fd: this.#to, events: 0 },
        ]
  }

  step(ready: readonly number[]): void {
    if (this.#done) return
    const [first = 0, second = 0] = ready
    try {
      if (this.#rest.length > 0) {
        if (first !== 0) this.#offer()
        return
      }
      if ((second & (POLLERR | POLLNVAL)) !== 0) this.close()
      else if (first !== 0) this.#take()
    } catch (error) {
      if (isErrno(error, 'EAGAIN', 'EINTR')) return
      if (!isErrno(error, ...GONE)) throw error
      this.close()
    }
  }

  #take(): void {
    const buffer = Buffer.allocUnsafe(CHUNK)
    const length = readSync(this.#from, buffer)
    if (length === 0) this.close()
    this.#rest = buffer.subarray(0, length)
    this.#offer()
  }

  #offer(): void {
    while (this.#rest.length > 0) this.#rest = this.#rest.subarray(writeSync(this.#to, this.#rest))
  }

  close(): void {
    if (!this.#done) closeSync(this.#to)
    this.#done = true
  }
}

/** Takes what is in the pipe now, at most `most` bytes; 0 at its end. */
const takeSome = async ({ fd, take }: Output, most = CHUNK): Promise<number> => {
  const buffer = Buffer.allocUnsafe(Math.min(most, CHUNK))
  const length = readSync(fd, buffer)
  if (length > 0) await take(buffer.subarray(0, length))
  return length
}

/** Bytes in the pipe: all that a process which has ended can have written, and not what others go on writing. */
const waiting = (fd: number): number => {
  const bytes = Buffer.alloc(4)
  syscall('ioctl', [fd, FIONREAD, bytes])
  return bytes.readInt32LE()
}

/**
 * Resolves when the process has ended and all that it had written by then has been taken. What others hold its output open for is not
 * waited for. All descriptors of pipes are closed then, also after an error.
 */
export const pumpStreams = async ({ outputs, input, pidfd }: PumpOptions): Promise<void> => {
  const open = new Set(outputs)
  const feeder = input === undefined ? undefined : new Feeder(input)
  const begun = performance.now()
  let young = true
  const end = (output: Output): void => {
    closeSync(output.fd)
    open.delete(output)
  }
  const readable = (events: number): boolean => (events & (POLLIN | POLLHUP | POLLERR)) !== 0
  try {
    for (let ended = false; !ended; ) {
      const listening = [...open]
      const interests = [
        { fd: pidfd, events: POLLIN },
        ...listening.map(({ fd }) => ({ fd, events: POLLIN })),
        ...(feeder?.interests() ?? []),
      ]
      const left = begun + MOMENT - performance.now()
      if (young && left < -LONG) optimise()
      young = left >= -LONG
      const ready = left > 0 ? pollAll(interests, left) : await pollAllLater(interests)
      ended = ready[0] !== 0
      for (const [index, output] of listening.entries())
        if (!ended && readable(ready[index + 1]!) && (await takeSome(output)) === 0) end(output)
      if (!ended) feeder?.step(ready.slice(listening.length + 1))
    }
    for (const output of open) for (let left = waiting(output.fd); left > 0; ) left -= await takeSome(output, left)
  } finally {
    feeder?.close()
    for (const output of [...open]) end(output)
  }
}
