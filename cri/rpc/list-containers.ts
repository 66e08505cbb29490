import type { ListContainersRequestSchema, ListContainersResponseSchema } from '../api/api_pb.js'
import { listContainers as list } from '../container/status.ts'
import type { Unary } from './types.ts'

export const listContainers: Unary<typeof ListContainersRequestSchema, typeof ListContainersResponseSchema> = (cri, { filter }) => ({
  containers: list(cri, filter),
})
