import type { ListPodSandboxRequestSchema, ListPodSandboxResponseSchema } from '../api/api_pb.js'
import { listSandboxes } from '../sandbox/status.ts'
import type { Unary } from './types.ts'

export const listPodSandbox: Unary<typeof ListPodSandboxRequestSchema, typeof ListPodSandboxResponseSchema> = (cri, { filter }) => ({
  items: listSandboxes(cri, filter),
})
