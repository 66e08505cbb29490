/** When a container is started again that has ended by itself, and after how long. */
import type { ContainerConfig, ContainerState } from './config.ts'
import { parseTime } from './times.ts'

/** Milliseconds, docker's: the first wait, which doubles up to the longest; a run as long as this begins anew. */
const FIRST = 100
const LONGEST = 60_000
const STEADY = 10_000

/** Milliseconds until the next start; undefined where there is none. @param state of a container that has exited */
export const restartDelay = ({ request: { restart } }: ContainerConfig, state: ContainerState): number | undefined => {
  if (state.stoppedByUser || state.suspended === true || restart.name === 'no') return undefined
  if (restart.name === 'on-failure') {
    if (state.exitCode === 0) return undefined
    if (restart.maximum !== undefined && restart.maximum > 0 && state.restarts >= restart.maximum) return undefined
  }
  const { started, finished, backoff } = state
  const lasted = started === undefined || finished === undefined ? 0 : parseTime(finished) - parseTime(started)
  return backoff === undefined || lasted >= STEADY ? FIRST : Math.min(backoff * 2, LONGEST)
}

/** Whether the start of the machine brings it back. One that nobody has ever started stays as it is. */
export const startsAtBoot = ({ request: { restart } }: ContainerConfig, state: ContainerState): boolean =>
  state.phase !== 'created' && (restart.name === 'always' || (restart.name === 'unless-stopped' && !state.stoppedByUser))
