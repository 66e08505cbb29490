/** Commands of this program that run later, by runtime/timer.ts: nothing of Node's waits for them. */
import { closeSync } from 'node:fs'
import { identify } from '../../runtime/container/process-id.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import { startTimer } from '../../runtime/timer.ts'
import { initPidfd } from '../../runtime/keeper/request.ts'
import { type Home, placesOf } from './home.ts'

const start = (home: Home, id: string, delay: number, verb: string, watched?: number): ProcessId => {
  const { path, argv, env } = home.self(['container', verb, id])
  return identify(startTimer({ delay, path, argv, env, ...(watched === undefined ? {} : { watched }) }, placesOf(home, id).run))
}

/** The next start by the restart policy. @param delay milliseconds */
export const startPolicyTimer = (home: Home, id: string, delay: number): ProcessId => start(home, id, delay, 'restart-due')

/** For something to be done while the container runs: the timer ends with its init. @param delay milliseconds */
export const startRunTimer = async (home: Home, id: string, delay: number, verb: 'expire' | 'health'): Promise<ProcessId> => {
  const pidfd = await initPidfd(placesOf(home, id).keeper)
  try {
    return start(home, id, delay, verb, pidfd)
  } finally {
    closeSync(pidfd)
  }
}
