import type { StopContainerRequestSchema, StopContainerResponseSchema } from '../api/api_pb.js'
import { stopContainer as stop } from '../container/stop.ts'
import type { Unary } from './types.ts'

export const stopContainer: Unary<typeof StopContainerRequestSchema, typeof StopContainerResponseSchema> = async (
  cri,
  { containerId, timeout },
  { signal },
) => {
  await stop(cri, containerId, Number(timeout), signal)
  return {}
}
