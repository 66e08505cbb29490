/** StartContainer: lets the init of a created container execute its process. */
import { deleteContainer } from '../../runtime/container/delete.ts'
import { start as engineStart } from '../../runtime/container/start.ts'
import { WherryError } from '../../runtime/errors.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import { ContainerEventType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { REASON } from './exits.ts'

/** As containerd’s, which people look for. */
const START_ERROR_CODE = 128

/** It stays there, exited, for who wants to know why. */
const fail = async (cri: Cri, id: string, sandbox: string, error: unknown, started: bigint): Promise<void> => {
  await deleteContainer(cri.engine, id, { force: true })
  await cri.exits.keeperEnded(id)
  cri.containers.note(id, {
    phase: 'exited',
    init: undefined,
    started,
    finished: realtime(),
    exitCode: START_ERROR_CODE,
    reason: REASON.startError,
    message: error instanceof Error ? error.message : String(error),
  })
  cri.events.emit(ContainerEventType.CONTAINER_STOPPED_EVENT, id, sandbox)
}

/** Throws `not-found`, `failed-precondition`, or why its process could not be executed: then it has exited. */
export const startContainer = async (cri: Cri, text: string, signal: AbortSignal): Promise<void> => {
  const { id } = cri.containers.find(text)
  await cri.containers.locked(
    id,
    async () => {
      const container = cri.containers.find(id)
      const { phase, sandbox } = container
      if (phase !== 'created')
        throw new WherryError('failed-precondition', `container ${id} cannot be started: it is ${phase}, and only a created one can`)
      if (cri.sandboxes.get(sandbox)?.phase !== 'ready')
        throw new WherryError('failed-precondition', `container ${id} cannot be started: pod sandbox ${sandbox} is not ready`)
      signal.throwIfAborted()
      // before its process can end
      const started = realtime()
      try {
        if (container.startError !== undefined) throw new WherryError('failed-precondition', container.startError)
        cri.logs.follow(container)
        await engineStart(cri.engine, id)
      } catch (error) {
        await fail(cri, id, sandbox, error, started)
        throw error
      }
      cri.containers.note(id, { phase: 'running', started })
      cri.events.emit(ContainerEventType.CONTAINER_STARTED_EVENT, id, sandbox)
    },
    signal,
  )
}
