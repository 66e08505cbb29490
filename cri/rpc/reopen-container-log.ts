import type { ReopenContainerLogRequestSchema, ReopenContainerLogResponseSchema } from '../api/api_pb.js'
import { WherryError } from '../../runtime/errors.ts'
import type { Unary } from './types.ts'

export const reopenContainerLog: Unary<typeof ReopenContainerLogRequestSchema, typeof ReopenContainerLogResponseSchema> = async (
  cri,
  { containerId },
) => {
  const { id, phase } = cri.containers.find(containerId)
  if (phase !== 'running') throw new WherryError('failed-precondition', `container ${id} is not running: its log is not written`)
  await cri.logs.reopen(id)
  return {}
}
