import type { RemoveContainerRequestSchema, RemoveContainerResponseSchema } from '../api/api_pb.js'
import { removeContainer as remove } from '../container/remove.ts'
import type { Unary } from './types.ts'

export const removeContainer: Unary<typeof RemoveContainerRequestSchema, typeof RemoveContainerResponseSchema> = async (
  cri,
  { containerId },
  { signal },
) => {
  await remove(cri, containerId, signal)
  return {}
}
