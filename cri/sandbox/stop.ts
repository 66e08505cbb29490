/** StopPodSandbox and RemovePodSandbox: both do what is left to do, and nothing where all is done. */
import { ContainerEventType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { removeContainersOf, stopContainersOf } from './containers.ts'
import { releaseSandbox } from './release.ts'

/** With its lock held. */
const stop = async (cri: Cri, sandbox: Sandbox): Promise<void> => {
  const { id, phase } = sandbox
  if (phase === 'ready' || phase === 'making') cri.sandboxes.note(id, { phase: 'stopped' })
  await stopContainersOf(cri, id)
  if (sandbox.init === undefined && sandbox.netns === undefined && phase === 'stopped') return
  await releaseSandbox(cri, sandbox)
  cri.sandboxes.note(id, { init: undefined, netns: undefined, addresses: [] })
  if (phase === 'ready') cri.events.emit(ContainerEventType.CONTAINER_STOPPED_EVENT, id, id)
}

/** @param text an id, or the beginning of one */
export const stopSandbox = async (cri: Cri, text: string, signal?: AbortSignal): Promise<void> => {
  const found = cri.sandboxes.tryFind(text)
  if (found === undefined) return
  await cri.sandboxes.locked(
    found.id,
    async () => {
      const sandbox = cri.sandboxes.get(found.id)
      if (sandbox !== undefined) await stop(cri, sandbox)
    },
    signal,
  )
}

/** Its containers with it, whatever they do. */
export const removeSandbox = async (cri: Cri, text: string, signal?: AbortSignal): Promise<void> => {
  const found = cri.sandboxes.tryFind(text)
  if (found === undefined) return
  const { id } = found
  await cri.sandboxes.locked(
    id,
    async () => {
      const sandbox = cri.sandboxes.get(id)
      if (sandbox === undefined) return
      await stop(cri, sandbox)
      cri.sandboxes.note(id, { phase: 'removing' })
      await removeContainersOf(cri, id)
      await cri.sandboxes.remove(id)
      cri.events.emit(ContainerEventType.CONTAINER_DELETED_EVENT, id, id)
    },
    signal,
  )
}
