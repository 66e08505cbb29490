/** Giving back what a pod has besides its containers. */
import type { Cri } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { unmountShm } from './files.ts'
import { endHolder } from './holder.ts'
import { sandboxPlaces } from './places.ts'
import { keeperEnded } from './watch.ts'

/**
 * Idempotent. Its addresses go back to the network's plugins, which find the network namespace as it was: it is kept by its file until then, also
 * where that has to be tried again. Everything is tried; throws what failed first.
 */
export const releaseSandbox = async (cri: Cri, sandbox: Sandbox): Promise<void> => {
  const { id } = sandbox
  const results = await Promise.allSettled([cri.networks.remove(sandbox), endHolder(cri, id).then(() => keeperEnded(id))])
  unmountShm(sandboxPlaces(cri, id))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
