/** What a process and all below it take: memory at its highest, processor time. Sampled, from proc(5). */
import { readdirSync, readFileSync } from 'node:fs'
import { isErrno } from '../../../runtime/sys/error.ts'

const EVERY = 50
/** sysconf(_SC_CLK_TCK), the same on all machines that Linux runs on today. */
const TICKS = 100

export interface Usage {
  /** Bytes: the highest sum of VmHWM over the processes that lived at the same time. */
  readonly memory: number
  /** Seconds, user and system together. */
  readonly processor: number
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

const threads = (pid: number): string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return []
    throw error
  }
}

const tree = (pid: number): number[] => [
  pid,
  ...threads(pid).flatMap((thread) =>
    (read(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number).flatMap(tree),
  ),
]

/** utime and stime of the process; of its children that were waited for too. */
const seconds = (pid: number): { readonly own: number; readonly reaped: number } => {
  const fields =
    read(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ')
      .map(Number) ?? []
  const at = (index: number): number => (fields[index] ?? 0) / TICKS
  return { own: at(11) + at(12), reaped: at(13) + at(14) }
}

/** Watches until it is told to stop. */
export const watch = (...pids: readonly number[]): { stop(): Usage } => {
  let memory = 0
  const taken = new Map<number, number>()
  const sample = (): void => {
    let sum = 0
    for (const pid of pids.flatMap(tree)) {
      const peak = /^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
      if (peak === undefined) continue
      sum += Number(peak) * 1024
      const { own, reaped } = seconds(pid)
      taken.set(pid, pids.includes(pid) ? own + reaped : own)
    }
    memory = Math.max(memory, sum)
  }
  // what a daemon took before this began is not counted
  const before = pids.map((pid) => seconds(pid)).reduce((sum, { own, reaped }) => sum + own + reaped, 0)
  sample()
  const timer = setInterval(sample, EVERY)
  return {
    stop() {
      sample()
      clearInterval(timer)
      return { memory, processor: pids.reduce((sum, pid) => sum + (taken.get(pid) ?? 0), 0) - before }
    },
  }
}
