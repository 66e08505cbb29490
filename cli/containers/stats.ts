/** What a container uses of the machine: one reading, and the difference of two. */
import { readFileSync } from 'node:fs'
import { stats as engineStats } from '../../runtime/container/update.ts'
import { Store } from '../../runtime/container/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Home } from './home.ts'
import type { Container } from './store.ts'

export interface Reading {
  /** Milliseconds, of the clock that counts on. */
  readonly at: number
  /** Nanoseconds of CPU time. */
  readonly cpu: number
  /** Bytes: what cannot be dropped at once, and how much it may come to. */
  readonly memory: number
  readonly memoryLimit: number
  /** Bytes in and out of its network interfaces but loopback. */
  readonly received: number
  readonly sent: number
  /** Bytes from and to block devices. */
  readonly read: number
  readonly written: number
  readonly pids: number
}

/** Bytes of memory that the machine has, proc_meminfo(5). */
const machineMemory = (): number => Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024

/** `eth0: BYTES packets errs drop fifo frame compressed multicast BYTES …`, proc_pid_net(5): of the namespace of that process. */
const networkBytes = (pid: number): { readonly received: number; readonly sent: number } => {
  let [received, sent] = [0, 0]
  try {
    for (const line of readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n').slice(2)) {
      const at = line.lastIndexOf(':')
      const counters = line
        .slice(at + 1)
        .trim()
        .split(/\s+/)
        .map(Number)
      if (at < 0 || line.slice(0, at).trim() === 'lo') continue
      received += counters[0] ?? 0
      sent += counters[8] ?? 0
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) throw error // it has ended
  }
  return { received, sent }
}

/** Undefined for a container that has no processes (any more). */
export const readUsage = async (home: Home, { id, config }: Container): Promise<Reading | undefined> => {
  const init = new Store(home.engine.root).tryRead(id)?.init
  if (init === undefined) return undefined
  try {
    const { cpu, memory, io, pids } = await engineStats(home.engine, id)
    const bytes = (operation: string): number =>
      (io?.serviceBytes ?? []).filter((entry) => entry.operation === operation).reduce((sum, { value }) => sum + value, 0)
    const machine = machineMemory()
    return {
      at: performance.now(),
      cpu: cpu?.total ?? 0,
      memory: memory?.workingSet ?? 0,
      memoryLimit: Math.min(memory?.usage.limit ?? machine, machine),
      // what the machine sends and receives is not the container's
      ...(config.request.network.mode === 'host' ? { received: 0, sent: 0 } : networkBytes(init.pid)),
      read: bytes('Read'),
      written: bytes('Write'),
      pids: pids?.current ?? 0,
    }
  } catch (error) {
    if (error instanceof WherryError && (error.kind === 'failed-precondition' || error.kind === 'not-found')) return undefined
    throw error
  }
}

/** Percent of one CPU, from two readings; 0 where there was no time between them. */
export const cpuPercent = (before: Reading | undefined, now: Reading): number => {
  const time = before === undefined ? 0 : (now.at - before.at) * 1e6
  return time <= 0 ? 0 : Math.max(0, ((now.cpu - before!.cpu) / time) * 100)
}
