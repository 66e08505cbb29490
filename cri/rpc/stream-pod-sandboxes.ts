import type { StreamPodSandboxesRequestSchema, StreamPodSandboxesResponseSchema } from '../api/api_pb.js'
import { listSandboxes } from '../sandbox/status.ts'
import type { Streaming } from './types.ts'

/** Sandboxes of one message: far below the largest message that any client takes. */
const CHUNK = 100

export const streamPodSandboxes: Streaming<typeof StreamPodSandboxesRequestSchema, typeof StreamPodSandboxesResponseSchema> =
  async function* (cri, { filter }) {
    const all = listSandboxes(cri, filter)
    for (let at = 0; at < all.length; at += CHUNK) yield { podSandboxes: all.slice(at, at + CHUNK) }
  }
