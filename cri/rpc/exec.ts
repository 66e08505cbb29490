import { InvalidField, WherryError } from '../../runtime/errors.ts'
import type { ExecRequestSchema, ExecResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

export const exec: Unary<typeof ExecRequestSchema, typeof ExecResponseSchema> = ({ containers, streaming }, request) => {
  if (request.containerId === '') throw new InvalidField('container_id', 'is missing')
  const { id, phase } = containers.find(request.containerId)
  if (phase !== 'running') throw new WherryError('failed-precondition', `container ${id} is not running: it is ${phase}`)
  return { url: streaming.exec({ ...request, containerId: id }) }
}
