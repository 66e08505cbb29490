/** What clients of streaming reach: processes in containers, containers themselves, and ports of pods. */
import { WherryError } from '../../runtime/errors.ts'
import type { Cri } from '../cri.ts'
import { attachTo } from './backend/attach.ts'
import { execIn } from './backend/exec.ts'
import { connectLocalhost } from './connect.ts'
import type { Backend } from './types.ts'

export type Reached = Pick<Cri, 'engine' | 'containers' | 'sandboxes'>

export const streamingBackend = (cri: Reached): Backend => ({
  exec: (target, streams) => execIn(cri, target, streams),
  attach: (target, streams) => attachTo(cri, target, streams),
  connect: async (id, port, signal) => {
    const sandbox = cri.sandboxes.find(id)
    if (sandbox.phase !== 'ready')
      throw new WherryError('failed-precondition', `sandbox ${sandbox.id} is not ready: it is ${sandbox.phase}`)
    return connectLocalhost(sandbox.netns, port, signal)
  },
})
