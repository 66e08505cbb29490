/**
 * Ends an exec'd process and what came of it: all of its session (a program that is exec'd leads one of its own), and all descendants of
 * those. What has both left the session and lost its parents is the container's, and ends with it.
 */
import { readFileSync } from 'node:fs'
import { signalProcess } from '../../../runtime/container/kill.ts'
import type { ProcessId } from '../../../runtime/container/types.ts'
import { SIGNALS } from '../../../runtime/sys/abi/signal.ts'
import { isErrno } from '../../../runtime/sys/error.ts'

interface Entry extends ProcessId {
  readonly parent: number
  readonly session: number
  readonly ended: boolean
}

/** proc_pid_stat(5); undefined where it is gone. */
const entryOf = (pid: number): Entry | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return {
      pid,
      parent: Number(fields[1]),
      session: Number(fields[3]),
      startTime: Number(fields[19]),
      ended: fields[0] === 'Z' || fields[0] === 'X',
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

/** Those of `entries` that belong to the leader’s session or descend from it. */
const family = (leader: number, entries: readonly Entry[]): readonly Entry[] => {
  const members = new Map(entries.filter(({ pid, session }) => pid === leader || session === leader).map((entry) => [entry.pid, entry]))
  for (let grown = true; grown; ) {
    grown = false
    for (const entry of entries)
      if (!members.has(entry.pid) && members.has(entry.parent)) {
        members.set(entry.pid, entry)
        grown = true
      }
  }
  return [...members.values()].filter(({ ended }) => !ended)
}

/** Rounds of looking for what was started meanwhile; what is stopped starts nothing. */
const ROUNDS = 16

/** @param processes of the container, asked for anew each time. Does not wait for their end. True if there was something to end. */
export const killTree = (leader: ProcessId, processes: () => readonly number[]): boolean => {
  const own = entryOf(leader.pid)
  // its pid is another's, which it cannot be while anything of its session is there
  if (own !== undefined && own.startTime !== leader.startTime) return false
  const found = new Map<number, Entry>()
  for (let round = 0; round < ROUNDS; round++) {
    const pids = [...new Set([leader.pid, ...processes()])]
    const fresh = family(
      leader.pid,
      pids.map(entryOf).filter((entry) => entry !== undefined),
    ).filter(({ pid }) => !found.has(pid))
    if (fresh.length === 0) break
    for (const entry of fresh) {
      found.set(entry.pid, entry)
      signalProcess(entry, SIGNALS.SIGSTOP)
    }
  }
  for (const entry of found.values()) signalProcess(entry, SIGNALS.SIGKILL)
  return found.size > 0
}
