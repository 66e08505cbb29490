import type { CreateContainerRequestSchema, CreateContainerResponseSchema } from '../api/api_pb.js'
import { createContainer as create } from '../container/create.ts'
import type { Unary } from './types.ts'

export const createContainer: Unary<typeof CreateContainerRequestSchema, typeof CreateContainerResponseSchema> = async (
  cri,
  request,
  { signal },
) => ({ containerId: await create(cri, request, signal) })
