/** RemoveContainer: a container and all that it has; what runs is killed. Idempotent. */
import { deleteContainer } from '../../runtime/container/delete.ts'
import { ContainerEventType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { leaseOwner, volumeLeaseOwner } from '../images/owners.ts'
import type { Container } from '../state/types.ts'
import { killContainer } from './stop.ts'

/** Leases on images, folders and record of a container that has no processes. With its lock held. Idempotent. */
export const removeTraces = async (
  { containers, images, logs }: Cri,
  id: string,
  config: Container['config'] | undefined,
): Promise<void> => {
  await logs.forget(id)
  await images.release(leaseOwner(id))
  for (const [index, { image }] of (config?.mounts ?? []).entries())
    if (image !== undefined) await images.release(volumeLeaseOwner(id, index))
  await containers.remove(id)
}

/** @param text an id, or a unique prefix of one */
export const removeContainer = async (cri: Cri, text: string, signal?: AbortSignal): Promise<void> => {
  const found = cri.containers.tryFind(text)
  if (found === undefined) return
  const { id, sandbox } = found
  await killContainer(cri, id, signal)
  await cri.containers.locked(
    id,
    async () => {
      const container = cri.containers.get(id)
      if (container === undefined) return
      if (container.phase !== 'removing') cri.containers.note(id, { phase: 'removing' })
      await deleteContainer(cri.engine, id, { force: true })
      await cri.exits.keeperEnded(id)
      await removeTraces(cri, id, container.config)
      cri.events.emit(ContainerEventType.CONTAINER_DELETED_EVENT, id, sandbox)
    },
    signal,
  )
}
