import type { StopPodSandboxRequestSchema, StopPodSandboxResponseSchema } from '../api/api_pb.js'
import { stopSandbox } from '../sandbox/stop.ts'
import type { Unary } from './types.ts'

export const stopPodSandbox: Unary<typeof StopPodSandboxRequestSchema, typeof StopPodSandboxResponseSchema> = async (
  cri,
  { podSandboxId },
  { signal },
) => {
  await stopSandbox(cri, podSandboxId, signal)
  return {}
}
