/** A seccomp agent, seccomp_unotify(2): takes the listener of a container over a socket and answers the calls it is told of. */
import { closeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import {
  SECCOMP_DATA,
  SECCOMP_IOCTL_NOTIF_RECV,
  SECCOMP_IOCTL_NOTIF_SEND,
  SECCOMP_NOTIF,
  SECCOMP_NOTIF_RESP,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE,
} from '../../runtime/sys/abi/seccomp.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import { DescriptorSocket, readiness } from './terminal.ts'

/** A call that waits for an answer. */
export interface Notified {
  readonly nr: number
  readonly pid: number
  readonly args: readonly bigint[]
}

/** Minus an errno; `continue` lets the kernel carry out the call. */
export type Answer = number | 'continue'

/** What comes with a listener: runtime-spec 1.2, config-linux.md "The Container Process State". */
export interface ProcessState {
  readonly ociVersion: string
  readonly fds: readonly string[]
  readonly pid: number
  readonly metadata?: string
  readonly state: { readonly id: string; readonly status: string; readonly pid: number; readonly bundle: string }
}

const POLLIN = 1
const PAUSE = 2

const notified = (request: Buffer): Notified => ({
  nr: request.readInt32LE(SECCOMP_NOTIF.data + SECCOMP_DATA.nr),
  pid: request.readUInt32LE(SECCOMP_NOTIF.pid),
  args: Array.from({ length: 6 }, (_, index) => request.readBigUInt64LE(SECCOMP_NOTIF.data + SECCOMP_DATA.args + index * 8)),
})

export class Agent {
  readonly path: string
  readonly states: ProcessState[] = []
  readonly calls: Notified[] = []
  readonly #socket: DescriptorSocket
  readonly #listeners: number[] = []
  #stopped = false

  constructor(path: string) {
    this.path = path
    this.#socket = new DescriptorSocket(path)
  }

  /** Takes one listener and answers its calls in the background until `stop`. */
  async serve(answer: (call: Notified) => Answer): Promise<void> {
    const { fd, payload } = await this.#socket.receive()
    this.states.push(JSON.parse(payload) as ProcessState)
    this.#listeners.push(fd)
    void this.#answer(fd, answer)
  }

  async #answer(fd: number, answer: (call: Notified) => Answer): Promise<void> {
    while (!this.#stopped) {
      if ((readiness(fd) & POLLIN) === 0) {
        await setTimeout(PAUSE)
        continue
      }
      const request = Buffer.alloc(SECCOMP_NOTIF.size)
      if (trySyscall('ioctl', fd, SECCOMP_IOCTL_NOTIF_RECV, request) < 0) continue // the caller has ended
      const call = notified(request)
      this.calls.push(call)
      const result = answer(call)
      const response = Buffer.alloc(SECCOMP_NOTIF_RESP.size)
      request.copy(response, SECCOMP_NOTIF_RESP.id, SECCOMP_NOTIF.id, SECCOMP_NOTIF.id + 8)
      if (result === 'continue') response.writeUInt32LE(SECCOMP_USER_NOTIF_FLAG_CONTINUE, SECCOMP_NOTIF_RESP.flags)
      else if (result < 0) response.writeInt32LE(result, SECCOMP_NOTIF_RESP.error)
      else response.writeBigInt64LE(BigInt(result), SECCOMP_NOTIF_RESP.val)
      trySyscall('ioctl', fd, SECCOMP_IOCTL_NOTIF_SEND, response)
    }
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#socket.close()
    for (const fd of this.#listeners.splice(0)) closeSync(fd)
  }
}
