/** A container's own socket for sd_notify(3), in a folder of its state that it sees. It is bound for as long as somebody listens. */
import { chmodSync, closeSync, mkdirSync, read, rmSync, statSync } from 'node:fs'
import { SHUT_RD, SOCK_DGRAM } from '../sys/abi/socket.ts'
import { isErrno } from '../sys/error.ts'
import { syscall } from '../sys/syscall.ts'
import { unixListen } from '../sys/unix.ts'
import { isAlive } from './process-id.ts'
import type { ProcessId } from './types.ts'

export const NOTIFY_SOCKET = 'notify.sock'

const READY = 'READY=1'
/** Bytes of a message that are looked at; systemd's own limit is 4096. */
const LONGEST = 4096
/** Milliseconds between two looks whether the container has ended. */
const PAUSE = 100

/** The folder, which users of the container other than root may enter too. */
export const makeNotifyFolder = (folder: string): void => {
  mkdirSync(folder)
  chmodSync(folder, 0o755)
}

/** One datagram. read(2) takes no descriptors: those that come along are closed, which is what a sender of BARRIER=1 waits for. */
const receive = (socket: number, into: Buffer): Promise<string> =>
  new Promise((resolve, reject) => {
    read(socket, into, 0, into.length, null, (error, length) =>
      error === null ? resolve(into.toString('latin1', 0, length)) : reject(error),
    )
  })

export class NotifySocket {
  readonly #socket: number
  #reading = false
  #stopped = false
  #closed = false

  constructor(socket: number) {
    this.#socket = socket
  }

  /** Binds the socket in `folder`; undefined where the container was created without one. Nobody else may listen: hold the lock. */
  static listen(folder: string): NotifySocket | undefined {
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) return undefined
    const path = `${folder}/${NOTIFY_SOCKET}`
    rmSync(path, { force: true }) // of a `start` that failed
    const socket = unixListen(path, { type: SOCK_DGRAM })
    chmodSync(path, 0o777)
    return new NotifySocket(socket)
  }

  /**
   * Waits until the container says that it is ready; once, as nothing listens afterwards. False where it will not: stopped by
   * `stop`, or `init` has ended. What came before that still counts.
   */
  async ready(init?: ProcessId): Promise<boolean> {
    const timer = init === undefined ? undefined : setInterval(() => isAlive(init) || this.stop(), PAUSE)
    const buffer = Buffer.alloc(LONGEST)
    this.#reading = true
    try {
      for (;;) {
        try {
          const message = await receive(this.#socket, buffer)
          if (message.split('\n').includes(READY)) return true
          if (message === '' && this.#stopped) return false
        } catch (error) {
          if (!isErrno(error, 'EINTR')) throw error
        }
      }
    } finally {
      clearInterval(timer)
      this.#reading = false
      this.close()
    }
  }

  /** Ends the wait when what has arrived is read. */
  stop(): void {
    if (this.#stopped || this.#closed) return
    this.#stopped = true
    syscall('shutdown', [this.#socket, SHUT_RD])
  }

  /** Where nobody waits any more. */
  close(): void {
    if (this.#closed || this.#reading) return
    this.#closed = true
    closeSync(this.#socket)
  }
}
