/** StopContainer: asks a container to end, and ends it if it does not. Idempotent. */
import { deleteContainer } from '../../runtime/container/delete.ts'
import { kill as engineKill } from '../../runtime/container/kill.ts'
import { WherryError } from '../../runtime/errors.ts'
import { SIGNALS } from '../../runtime/sys/abi/signal.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import { ContainerEventType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Container } from '../state/types.ts'
import { REASON } from './exits.ts'

/** Milliseconds that a killed container may take to end. */
const DYING = 10_000
/** Milliseconds that setTimeout takes. */
const LONGEST = 2 ** 31 - 1
const KILLED = 128 + SIGNALS.SIGKILL

/** Sends it; nothing where the container ends by itself just now. */
const send = async ({ engine }: Cri, id: string, signal: number, all: boolean): Promise<void> => {
  try {
    await engineKill(engine, id, signal, { all })
  } catch (error) {
    if (!(error instanceof WherryError) || (error.kind !== 'failed-precondition' && error.kind !== 'not-found')) throw error
  }
}

/** Whether it has ended in time. @param limit milliseconds */
const endedWithin = async ({ exits }: Cri, id: string, limit: number, signal: AbortSignal | undefined): Promise<boolean> => {
  const timeout = AbortSignal.timeout(Math.min(limit, LONGEST))
  try {
    await exits.ended(id, signal === undefined ? timeout : AbortSignal.any([timeout, signal]))
    return true
  } catch (error) {
    if (timeout.aborted && signal?.aborted !== true) return false
    throw error
  }
}

/** Its init, which waits for its start, ends. Returns what it has become meanwhile. */
const endCreated = (cri: Cri, id: string, signal: AbortSignal | undefined): Promise<Container | undefined> =>
  cri.containers.locked(
    id,
    async () => {
      const container = cri.containers.get(id)
      if (container?.phase !== 'created') return container
      await deleteContainer(cri.engine, id, { force: true })
      await cri.exits.keeperEnded(id)
      const ended = cri.containers.note(id, {
        phase: 'exited',
        init: undefined,
        exitCode: KILLED,
        reason: REASON.error,
        message: 'it was stopped before it was started',
        finished: realtime(),
      })
      cri.events.emit(ContainerEventType.CONTAINER_STOPPED_EVENT, id, container.sandbox)
      return ended
    },
    signal,
  )

/** What there is to stop once what is under way has been waited for; undefined: it does not run. */
const running = async (cri: Cri, id: string, signal: AbortSignal | undefined): Promise<Container | undefined> => {
  let container = cri.containers.get(id)
  if (container?.phase === 'making' || container?.phase === 'created') container = await endCreated(cri, id, signal)
  return container?.phase === 'running' ? container : undefined
}

const killRunning = async (cri: Cri, id: string, signal: AbortSignal | undefined): Promise<void> => {
  await send(cri, id, SIGNALS.SIGKILL, true)
  if (!(await endedWithin(cri, id, DYING, signal)))
    throw new WherryError('deadline-exceeded', `container ${id} does not end after SIGKILL: a process of it hangs in the kernel`)
}

/** At once, without grace; one that was not started neither waits nor starts any more. @param id whole */
export const killContainer = async (cri: Cri, id: string, signal?: AbortSignal): Promise<void> => {
  if ((await running(cri, id, signal)) !== undefined) await killRunning(cri, id, signal)
}

/**
 * Resolves when it has ended and that is written down. @param text an id, or a unique prefix of one @param timeout seconds until it is killed;
 * 0: at once. An abort ends the wait, not what was sent.
 */
export const stopContainer = async (cri: Cri, text: string, timeout: number, signal?: AbortSignal): Promise<void> => {
  const found = cri.containers.tryFind(text)
  if (found === undefined) return
  const { id } = found
  const container = await running(cri, id, signal)
  if (container === undefined) return
  if (timeout > 0) {
    await send(cri, id, container.stopSignal ?? SIGNALS.SIGTERM, false)
    if (await endedWithin(cri, id, timeout * 1000, signal)) return
  }
  await killRunning(cri, id, signal)
}
