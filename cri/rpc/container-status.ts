import { WherryError } from '../../runtime/errors.ts'
import type { ContainerStatusRequestSchema, ContainerStatusResponseSchema } from '../api/api_pb.js'
import { containerInfo, containerStatus as statusOf, isThere } from '../container/status.ts'
import type { Unary } from './types.ts'

export const containerStatus: Unary<typeof ContainerStatusRequestSchema, typeof ContainerStatusResponseSchema> = (
  cri,
  { containerId, verbose },
) => {
  const container = cri.containers.find(containerId)
  if (!isThere(container)) throw new WherryError('not-found', `container ${container.id} is being made`)
  return { status: statusOf(cri, container), info: verbose ? containerInfo(cri, container) : {} }
}
