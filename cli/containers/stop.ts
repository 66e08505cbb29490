/** stop: asks a container to end, and ends it if it does not. */
import { kill as engineKill } from '../../runtime/container/kill.ts'
import { resume } from '../../runtime/container/pause.ts'
import { WherryError } from '../../runtime/errors.ts'
import { waitExit } from '../../runtime/keeper/wait.ts'
import { SIGNALS } from '../../runtime/sys/abi/signal.ts'
import { emit } from './events.ts'
import { type Home, keeperFolders } from './home.ts'
import { locked } from './lock.ts'
import { endProcesses, readRun, removeRun } from './run-record.ts'
import { settle } from './settle.ts'
import { markStopped } from './signal.ts'
import { isUp, statusOf } from './status.ts'
import { type Container, writeState } from './store.ts'
import { withContainer } from './tidy.ts'

export interface StopOptions {
  /** Seconds until it is killed; negative: never. Default: the container's own. */
  readonly timeout?: number
  /** Default: the container's own. */
  readonly signal?: number
  /** The machine ends: it is to come back with it, if its policy says so. */
  readonly suspend?: boolean
}

/** Milliseconds that a killed container may take to end. */
const DYING = 10_000

/** It is not started again by its policy. With the lock held. */
export const cancelRestart = (home: Home, container: Container): Container => {
  const record = readRun(home, container.id)
  if (record?.phase !== 'waiting') return container
  endProcesses(record.timers)
  const { restartAt: _, backoff: __, ...state } = container.state
  writeState(home, container.config, state)
  removeRun(home, container.id)
  return { ...container, state }
}

/** Resolves to whether it has ended in time. @param limit milliseconds; negative: for ever */
export const awaitExit = async (home: Home, id: string, limit: number): Promise<boolean> => {
  const folders = keeperFolders(home, id)
  if (limit < 0) {
    await waitExit(folders)
    return true
  }
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), limit)
  try {
    await waitExit(folders, controller.signal)
    return true
  } catch (error) {
    if (controller.signal.aborted) return false
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const signalled = async (home: Home, id: string, signal: number): Promise<void> => {
  try {
    await engineKill(home.engine, id, signal, { all: false })
  } catch (error) {
    // it ends by itself just now
    if (!(error instanceof WherryError) || (error.kind !== 'failed-precondition' && error.kind !== 'not-found')) throw error
  }
}

/** Ends it, and returns once it has been cleaned up behind. True if there was something to end. Idempotent. */
export const stop = async (home: Home, text: string, { timeout, signal, suspend = false }: StopOptions = {}): Promise<boolean> => {
  const asked = await withContainer(home, text, async (found) => {
    const container = cancelRestart(home, found)
    if (!suspend) markStopped(home, container)
    else if (container.state.phase === 'started') writeState(home, container.config, { ...container.state, suspended: true })
    const status = await statusOf(home, container)
    if (!isUp(status)) return { container, up: false }
    await signalled(home, container.id, signal ?? container.config.process.stopSignal)
    // what was sent is waiting for it
    if (status === 'paused') await resume(home.engine, container.id)
    return { container, up: true }
  })
  const { id, config } = asked.container
  if (!asked.up) return false
  const limit = timeout ?? config.request.stopTimeout
  if (!(await awaitExit(home, id, limit * 1000))) {
    await signalled(home, id, SIGNALS.SIGKILL)
    if (!(await awaitExit(home, id, DYING)))
      throw new WherryError('deadline-exceeded', `container ${config.name} does not end after SIGKILL: a process of it hangs in the kernel`)
  }
  await locked(home, id, () => settle(home, id))
  emit(home, 'stop', config)
  return true
}
