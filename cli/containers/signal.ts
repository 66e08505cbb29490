/** kill, pause and unpause: what is done to the processes of a container that runs. */
import { kill as engineKill } from '../../runtime/container/kill.ts'
import { pause as enginePause, resume } from '../../runtime/container/pause.ts'
import { WherryError } from '../../runtime/errors.ts'
import { SIGNALS, signalName } from '../../runtime/sys/abi/signal.ts'
import { emit } from './events.ts'
import type { Home } from './home.ts'
import { isUp, type Status, statusOf } from './status.ts'
import { type Container, writeState } from './store.ts'
import { withContainer } from './tidy.ts'

/** Throws `failed-precondition` for a container that has no processes. */
export const requireUp = async (home: Home, container: Container): Promise<Status> => {
  const status = await statusOf(home, container)
  if (isUp(status)) return status
  const { name } = container.config
  throw new WherryError('failed-precondition', `container ${name} is not running (${status}): start it with \`wherry start ${name}\``)
}

/** From now on its end is what the user wants: the restart policy leaves it alone. */
export const markStopped = (home: Home, { config, state }: Container, stoppedByUser = true): void => {
  if (state.stoppedByUser !== stoppedByUser) writeState(home, config, { ...state, stoppedByUser })
}

/** Sends a signal to init. */
export const kill = (home: Home, text: string, signal: number): Promise<void> =>
  withContainer(home, text, async (container) => {
    await requireUp(home, container)
    const { id, config } = container
    const ends = signal === SIGNALS.SIGKILL || signal === SIGNALS.SIGTERM || signal === config.process.stopSignal
    if (ends) markStopped(home, container)
    await engineKill(home.engine, id, signal, { all: false })
    emit(home, 'kill', config, { signal: String(signal) })
    home.debug(`sent ${signalName(signal)} to ${id}`)
  })

export const pause = (home: Home, text: string): Promise<void> =>
  withContainer(home, text, async (container) => {
    if ((await requireUp(home, container)) === 'paused')
      throw new WherryError('failed-precondition', `container ${container.config.name} is paused already`)
    await enginePause(home.engine, container.id)
    emit(home, 'pause', container.config)
  })

export const unpause = (home: Home, text: string): Promise<void> =>
  withContainer(home, text, async (container) => {
    if ((await requireUp(home, container)) !== 'paused')
      throw new WherryError('failed-precondition', `container ${container.config.name} is not paused`)
    await resume(home.engine, container.id)
    emit(home, 'unpause', container.config)
  })
