/** Processes that cannot be mistaken for others: pid with start time, proc_pid_stat(5). */
import { readFileSync } from 'node:fs'
import { isErrno } from '../sys/error.ts'
import type { ProcessId } from './types.ts'

interface Stat {
  /** One letter: `Z` for a process that has ended and waits to be reaped. */
  readonly state: string
  readonly startTime: number
}

const readStat = (pid: number): Stat | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, startTime: Number(fields[19]) }
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

/** It runs: neither ended nor waiting to be reaped. */
export const isAlive = ({ pid, startTime }: ProcessId): boolean => {
  const stat = readStat(pid)
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X'
}
