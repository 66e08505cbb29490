/** Children that this process inherits: what a runtime that was killed leaves running. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { isErrno } from '../../runtime/sys/error.ts'
import { PR_SET_CHILD_SUBREAPER } from '../../runtime/sys/abi/prctl.ts'
import { WNOHANG } from '../../runtime/sys/abi/wait.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'

/** From here on orphans of all that this process starts become its children. */
export const adoptOrphans = (): void => {
  syscall('prctl', [PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0])
}

export interface Orphan {
  readonly pid: number
  readonly name: string
}

const statOf = (pid: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

/** Those that run; those that have ended are reaped. To be called when nothing that this process itself started runs. */
export const orphans = (): Orphan[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const [, comm = '', rest = ''] = /^\d+ \((.*)\) (.*)/s.exec(statOf(name) ?? '') ?? []
      const [state, parent] = rest.split(' ')
      if (Number(parent) !== process.pid) return []
      if (state === 'Z') {
        trySyscall('wait4', Number(name), 0, WNOHANG, 0)
        return []
      }
      return [{ pid: Number(name), name: comm }]
    })

/** How long an orphan may take to see that it is one, in milliseconds. */
const LONGEST = 10_000

/** Waits until no orphan is left whose name `ours` accepts; throws if they stay. */
export const orphansEnd = async (ours: (name: string) => boolean = () => true): Promise<void> => {
  const until = performance.now() + LONGEST
  for (;;) {
    const left = orphans().filter(({ name }) => ours(name))
    if (left.length === 0) return
    if (performance.now() > until) throw new Error(`left running: ${left.map(({ pid, name }) => `${pid} ${name}`).join(', ')}`)
    await setTimeout(2)
  }
}
