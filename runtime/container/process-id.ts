/** Processes that cannot be mistaken for others: pid with start time, proc_pid_stat(5). */
import { readFileSync } from 'node:fs'
import { isErrno } from '../sys/error.ts'
import type { ProcessId } from './types.ts'

interface Stat {
  /** One letter: `Z` for a process that has ended and waits to be reaped. */
  readonly state: string
  readonly parent: number
  readonly startTime: number
}

const readStat = (pid: number): Stat | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, parent: Number(fields[1]), startTime: Number(fields[19]) }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

/** Throws where there is no such process. */
export const identify = (pid: number): ProcessId => {
  const stat = readStat(pid)
  if (stat === undefined) throw new Error(`process ${pid} has gone`)
  return { pid, startTime: stat.startTime }
}

/** The pid of a process in its own pid namespace, proc_pid_status(5). */
export const pidInside = (pid: number): number => Number(/^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? pid)

/** Pid of the process that is told of its end; 0 where there is no such process. */
export const parentOf = (pid: number): number => readStat(pid)?.parent ?? 0

const runs = (stat: Stat | undefined, { startTime }: ProcessId): stat is Stat =>
  stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X'

/** It runs: neither ended nor waiting to be reaped. */
export const isAlive = (process: ProcessId): boolean => runs(readStat(process.pid), process)

/** It runs, and is the child of `parent`, who thereby runs too: children of who has ended are given to others. */
export const isChildOf = (process: ProcessId, parent: number): boolean => {
  const stat = readStat(process.pid)
  return runs(stat, process) && stat.parent === parent
}
