/** start, restart, and the starts that nobody asks for: by the restart policy, and when the machine has started. */
import { bootId } from '../../runtime/boot.ts'
import type { ContainerState } from './config.ts'
import { emit } from './events.ts'
import type { Home } from './home.ts'
import { isKnown, locked } from './lock.ts'
import { restartDelay, startsAtBoot } from './restart-policy.ts'
import { readRun } from './run-record.ts'
import { planRestart, settle } from './settle.ts'
import { type Started, startRun, type StartOptions } from './start.ts'
import { isUp, statusOf } from './status.ts'
import { cancelRestart, stop, type StopOptions } from './stop.ts'
import { type Container, writeState } from './store.ts'
import { tidyAll, withContainer } from './tidy.ts'
import { parseTime, timeNow } from './times.ts'

const afresh = ({ backoff: _, ...state }: ContainerState): ContainerState => ({ ...state, restarts: 0 })

/** Nobody waits for its end here: the keeper sees to that. */
const leave = ({ kept }: Started): void => kept.keeper.detach()

/** Undefined if it runs already. Throws why it cannot be started. */
export const startContainer = (home: Home, text: string, options: StartOptions): Promise<Started | undefined> =>
  withContainer(home, text, async (found) => {
    if (isUp(await statusOf(home, found))) return undefined
    const { config, state } = cancelRestart(home, found)
    return startRun(home, config, afresh(state), options)
  })

export const restartContainer = async (home: Home, text: string, options: StopOptions): Promise<void> => {
  await stop(home, text, options)
  const started = await startContainer(home, text, { stdin: 'open' })
  if (started === undefined) return
  leave(started)
}

/** Milliseconds that a timer may be early by. */
const EARLY = 50

/** A start that nobody waits for: what fails is written down, and tried again as the policy says. */
const startUnattended = async (home: Home, { id, config, state }: Container): Promise<void> => {
  try {
    leave(await startRun(home, config, state, { stdin: 'open' }))
  } catch (error) {
    const { restartAt: _, ...rest } = state
    const now = timeNow()
    const failed: ContainerState = {
      ...rest,
      phase: 'exited',
      started: now,
      finished: now,
      exitCode: 128,
      error: error instanceof Error ? error.message : String(error),
    }
    writeState(home, config, failed)
    if (restartDelay(config, failed) !== undefined) planRestart(home, { id, config, state: failed })
    throw error
  }
}

/** The timer of the restart policy has run out. */
export const restartDue = async (home: Home, id: string): Promise<void> => {
  if (!isKnown(home, id)) return
  await locked(home, id, async () => {
    const container = await settle(home, id)
    const restartAt = container?.state.restartAt
    // it was removed, stopped or started meanwhile
    if (container === undefined || restartAt === undefined || readRun(home, id)?.phase !== 'waiting') return
    if (parseTime(restartAt) - EARLY > Date.now()) return
    const { restartAt: _, ...state } = container.state
    emit(home, 'restart', container.config)
    await startUnattended(home, { ...container, state: { ...state, restarts: state.restarts + 1 } })
  })
}

export interface BootResult {
  readonly container: Container
  /** Undefined where it was started. */
  readonly error: unknown
}

/** Stops all that run because the machine ends; what `startBoot` brings back is as their policies say. Resolves to what could not be stopped. */
export const suspendAll = async (home: Home): Promise<unknown[]> => {
  const ends = await Promise.allSettled((await tidyAll(home)).map(({ id }) => stop(home, id, { suspend: true })))
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
}

/** What is to be up after the machine has started; those that are up already are left alone. */
export const startBoot = async (home: Home): Promise<BootResult[]> => {
  const results: BootResult[] = []
  for (const { id } of (await tidyAll(home)).toReversed()) {
    const tried = await locked(home, id, async (): Promise<BootResult | undefined> => {
      const container = await settle(home, id)
      if (container === undefined || container.state.phase === 'started' || container.state.restartAt !== undefined) return undefined
      if (!startsAtBoot(container.config, container.state)) return undefined
      // one that ran since the machine has started was not ended by its end
      if (container.state.boot === bootId() && container.state.suspended !== true) return undefined
      try {
        await startUnattended(home, { ...container, state: afresh(container.state) })
        return { container, error: undefined }
      } catch (error) {
        return { container, error }
      }
    })
    if (tried !== undefined) results.push(tried)
  }
  return results
}
