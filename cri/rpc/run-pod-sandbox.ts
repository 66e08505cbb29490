import { InvalidField } from '../../runtime/errors.ts'
import type { RunPodSandboxRequestSchema, RunPodSandboxResponseSchema } from '../api/api_pb.js'
import { runSandbox } from '../sandbox/run.ts'
import type { Unary } from './types.ts'

export const runPodSandbox: Unary<typeof RunPodSandboxRequestSchema, typeof RunPodSandboxResponseSchema> = async (
  cri,
  { config, runtimeHandler },
  { signal },
) => {
  if (config === undefined) throw new InvalidField('config', 'is missing')
  return { podSandboxId: await runSandbox(cri, config, runtimeHandler, signal) }
}
