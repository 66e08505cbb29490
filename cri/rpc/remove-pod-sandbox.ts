import type { RemovePodSandboxRequestSchema, RemovePodSandboxResponseSchema } from '../api/api_pb.js'
import { removeSandbox } from '../sandbox/stop.ts'
import type { Unary } from './types.ts'

export const removePodSandbox: Unary<typeof RemovePodSandboxRequestSchema, typeof RemovePodSandboxResponseSchema> = async (
  cri,
  { podSandboxId },
  { signal },
) => {
  await removeSandbox(cri, podSandboxId, signal)
  return {}
}
