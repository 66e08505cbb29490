/** Network interfaces of a pod: /proc/PID/net/dev, proc_pid_net(5), shows those of the namespace that the process is in. */
import { closeSync, openSync } from 'node:fs'
import { isAlive } from '../../runtime/container/process-id.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import { O_PATH } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { readAll } from './kept-file.ts'

export interface Interface {
  readonly name: string
  readonly received: Traffic
  readonly sent: Traffic
}

export interface Traffic {
  readonly bytes: number
  readonly packets: number
  readonly errors: number
  readonly dropped: number
}

/** `eth0: BYTES packets errs drop fifo frame compressed multicast BYTES packets errs drop …`, without loopback. */
export const parseInterfaces = (text: string): Interface[] =>
  text
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      // names may not have a colon, but those of aliases do
      const at = line.lastIndexOf(':')
      const name = line.slice(0, at).trim()
      if (at < 0 || name === 'lo') return []
      const counters = line
        .slice(at + 1)
        .trim()
        .split(/\s+/)
        .map(Number)
      const traffic = (from: number): Traffic => ({
        bytes: counters[from] ?? 0,
        packets: counters[from + 1] ?? 0,
        errors: counters[from + 2] ?? 0,
        dropped: counters[from + 3] ?? 0,
      })
      return [{ name, received: traffic(0), sent: traffic(8) }]
    })

/** The interfaces that a process has. Holds its folder, not its namespace, which would live on. */
export class NetworkFile {
  readonly #process: ProcessId
  #fd = -1

  constructor(process: ProcessId) {
    this.#process = process
  }

  /** Undefined when the process has ended. */
  read(): Interface[] | undefined {
    try {
      if (this.#fd < 0) {
        this.#fd = openSync(`/proc/${this.#process.pid}`, O_PATH)
        // what was opened is the process that is meant, or the one that was meant is gone
        if (!isAlive(this.#process)) {
          this.close()
          return undefined
        }
      }
      const fd = openSync(`/proc/self/fd/${this.#fd}/net/dev`, 'r')
      try {
        return parseInterfaces(readAll(fd))
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      // EINVAL: it is a zombie, and has no namespaces any more
      if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return undefined
      throw error
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }
}
