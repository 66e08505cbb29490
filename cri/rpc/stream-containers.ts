import type { StreamContainersRequestSchema, StreamContainersResponseSchema } from '../api/api_pb.js'
import { listContainers } from '../container/status.ts'
import type { Streaming } from './types.ts'

/** Containers of one message: far below the largest message that any client takes. */
const CHUNK = 100

export const streamContainers: Streaming<typeof StreamContainersRequestSchema, typeof StreamContainersResponseSchema> = async function* (
  cri,
  { filter },
) {
  const all = listContainers(cri, filter)
  for (let at = 0; at < all.length; at += CHUNK) yield { containers: all.slice(at, at + CHUNK) }
}
