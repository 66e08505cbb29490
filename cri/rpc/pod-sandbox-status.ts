import type { PodSandboxStatusRequestSchema, PodSandboxStatusResponseSchema } from '../api/api_pb.js'
import { WherryError } from '../../runtime/errors.ts'
import { containerStatus, isThere as isContainerThere } from '../container/status.ts'
import { containersOf } from '../sandbox/containers.ts'
import { isThere, sandboxInfo, sandboxStatus } from '../sandbox/status.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import type { Unary } from './types.ts'

export const podSandboxStatus: Unary<typeof PodSandboxStatusRequestSchema, typeof PodSandboxStatusResponseSchema> = (
  cri,
  { podSandboxId, verbose },
) => {
  const sandbox = cri.sandboxes.find(podSandboxId)
  if (!isThere(sandbox)) throw new WherryError('not-found', `pod sandbox ${sandbox.id} is being made`)
  return {
    status: sandboxStatus(cri, sandbox),
    info: verbose ? sandboxInfo(cri, sandbox) : {},
    containersStatuses: containersOf(cri, sandbox.id)
      .filter(isContainerThere)
      .map((container) => containerStatus(cri, container)),
    timestamp: realtime(),
  }
}
