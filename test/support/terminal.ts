/** The caller's end of a container's terminal: a console socket, and the master that comes over it. */
import assert from 'node:assert/strict'
import { closeSync, readSync, rmSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { receiveFds } from '../../runtime/sys/scm.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { unixAccept, unixListen } from '../../runtime/sys/unix.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { PATIENCE } from './runtime.ts'

const POLLIN = 1
const POLLHUP = 16
const PAUSE = 5

/** What poll(2) says of a descriptor now. */
export const readiness = (fd: number): number => {
  const poll = Buffer.alloc(8)
  poll.writeInt32LE(fd, 0)
  poll.writeInt16LE(POLLIN, 4)
  syscall('ppoll', [poll, 1, Buffer.alloc(16), 0, 8])
  return poll.readInt16LE(6)
}

/** A unix socket that takes descriptors: of terminals, pidfds, seccomp listeners. */
export class DescriptorSocket {
  readonly path: string
  readonly #listener: number

  constructor(path: string) {
    this.path = path
    this.#listener = unixListen(path)
  }

  /** What the next connection brings: it must be one message with one descriptor. */
  async receive(): Promise<{ readonly fd: number; readonly payload: string }> {
    const until = Date.now() + PATIENCE
    while ((readiness(this.#listener) & POLLIN) === 0) {
      assert.ok(Date.now() < until, `nobody connects to ${this.path}`)
      await setTimeout(PAUSE)
    }
    const connection = unixAccept(this.#listener)
    try {
      const { fds, payload } = receiveFds(connection, { timeout: PATIENCE })
      assert.equal(fds.length, 1, 'one descriptor')
      assert.ok(payload.length > 0 && payload.length < 4096, `a message of ${payload.length} bytes`)
      return { fd: fds[0]!, payload: Buffer.from(payload).toString() }
    } finally {
      closeSync(connection)
    }
  }

  close(): void {
    closeSync(this.#listener)
    rmSync(this.path, { force: true })
  }
}

/** The master of a pseudo-terminal. */
export class Terminal {
  readonly fd: number
  #seen = ''

  constructor(fd: number) {
    this.fd = fd
  }

  write(text: string): void {
    writeSync(this.fd, text)
  }

  /** False at the hang-up. */
  #read(): boolean {
    const ready = readiness(this.fd)
    if ((ready & POLLIN) === 0) return (ready & POLLHUP) === 0
    const bytes = Buffer.alloc(4096)
    try {
      this.#seen += bytes.toString('utf8', 0, readSync(this.fd, bytes))
      return true
    } catch (error) {
      if (isErrno(error, 'EIO')) return false
      throw error
    }
  }

  /** Output up to and with what `pattern` finds; what comes after it is for the next call. */
  async until(pattern: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE
    for (;;) {
      const match = pattern.exec(this.#seen)
      if (match !== null) {
        const length = match.index + match[0].length
        const [before, after] = [this.#seen.slice(0, length), this.#seen.slice(length)]
        this.#seen = after
        return before
      }
      const open = this.#read()
      assert.ok(open || pattern.test(this.#seen), `${pattern} is not in the output: ${JSON.stringify(this.#seen)}`)
      assert.ok(Date.now() < end, `no ${pattern}: ${JSON.stringify(this.#seen)}`)
      if (open) await setTimeout(PAUSE)
    }
  }

  /** All output up to the hang-up. */
  async rest(): Promise<string> {
    const end = Date.now() + PATIENCE
    while (this.#read()) {
      assert.ok(Date.now() < end, 'no hang-up')
      await setTimeout(PAUSE)
    }
    return this.#seen
  }

  close(): void {
    closeSync(this.fd)
  }
}
