import { InvalidField, WherryError } from '../../runtime/errors.ts'
import type { PortForwardRequestSchema, PortForwardResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

export const portForward: Unary<typeof PortForwardRequestSchema, typeof PortForwardResponseSchema> = (
  { sandboxes, streaming },
  request,
) => {
  if (request.podSandboxId === '') throw new InvalidField('pod_sandbox_id', 'is missing')
  const { id, phase } = sandboxes.find(request.podSandboxId)
  if (phase !== 'ready') throw new WherryError('failed-precondition', `sandbox ${id} is not ready: it is ${phase}`)
  return { url: streaming.portForward({ ...request, podSandboxId: id }) }
}
