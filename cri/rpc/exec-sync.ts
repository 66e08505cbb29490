import { InvalidField } from '../../runtime/errors.ts'
import type { ExecSyncRequestSchema, ExecSyncResponseSchema } from '../api/api_pb.js'
import { execSync as exec } from '../container/exec-sync.ts'
import type { Unary } from './types.ts'

export const execSync: Unary<typeof ExecSyncRequestSchema, typeof ExecSyncResponseSchema> = (
  cri,
  { containerId, cmd, timeout },
  { signal },
) => {
  if (timeout < 0n) throw new InvalidField('timeout', `must not be below 0, is ${timeout}`)
  return exec(cri, containerId, cmd, Number(timeout), signal)
}
