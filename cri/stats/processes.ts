/** Processes and threads of a cgroup: pids.rst, cgroups(7); what they have open, proc_pid_fd(5). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { KeptFile } from './kept-file.ts'
import type { Places } from './places.ts'
import { limitIn, numberIn } from './text.ts'

export interface Opened {
  readonly descriptors: number
  readonly sockets: number
}

/** Processes beyond this many are not asked what they have open. */
const MOST = 256

export class ProcessFiles {
  readonly #current: KeptFile | undefined
  readonly #limit: KeptFile | undefined
  readonly #processes: KeptFile | undefined

  constructor({ pids, processes }: Places) {
    if (processes !== undefined) this.#processes = new KeptFile(`${processes}/cgroup.procs`)
    if (pids === undefined) return
    this.#current = new KeptFile(`${pids.dir}/pids.current`)
    this.#limit = new KeptFile(`${pids.dir}/pids.max`)
  }

  /** Of the cgroup and all below it: what pids.max limits. */
  threads(): number | undefined {
    return numberIn(this.#current?.read())
  }

  limit(): number | undefined {
    return limitIn(this.#limit?.read())
  }

  /** Of the cgroup itself, as this pid namespace sees them. */
  processes(): number[] {
    return (this.#processes?.read() ?? '').split('\n').flatMap((line) => (line === '' || line === '0' ? [] : [Number(line)]))
  }

  close(): void {
    for (const file of [this.#current, this.#limit, this.#processes]) file?.close()
  }
}

const tryOr = <T>(fallback: T, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return fallback // it has ended, or is not ours to look at
    throw error
  }
}

export const openedBy = (pids: readonly number[]): Opened => {
  let [descriptors, sockets] = [0, 0]
  for (const pid of pids.slice(0, MOST)) {
    const folder = `/proc/${pid}/fd`
    for (const fd of tryOr([], () => readdirSync(folder))) {
      descriptors += 1
      if (tryOr('', () => readlinkSync(`${folder}/${fd}`)).startsWith('socket:')) sockets += 1
    }
  }
  return { descriptors, sockets }
}

/** Soft limit of open files, proc_pid_limits(5); undefined: unlimited, or the process has ended. */
export const openFilesLimit = (pid: number): number | undefined => {
  const found = /^Max open files\s+(\d+)/m.exec(tryOr('', () => readFileSync(`/proc/${pid}/limits`, 'utf8')))?.[1]
  return found === undefined ? undefined : Number(found)
}
