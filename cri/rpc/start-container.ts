import type { StartContainerRequestSchema, StartContainerResponseSchema } from '../api/api_pb.js'
import { startContainer as start } from '../container/start.ts'
import type { Unary } from './types.ts'

export const startContainer: Unary<typeof StartContainerRequestSchema, typeof StartContainerResponseSchema> = async (
  cri,
  { containerId },
  { signal },
) => {
  await start(cri, containerId, signal)
  return {}
}
