import type { StreamPodSandboxStatsRequestSchema, StreamPodSandboxStatsResponseSchema } from '../api/api_pb.js'
import { batches } from '../stats/batches.ts'
import { podStatsOf } from '../stats/list.ts'
import type { Streaming } from './types.ts'

const SIZE = 50

export const streamPodSandboxStats: Streaming<typeof StreamPodSandboxStatsRequestSchema, typeof StreamPodSandboxStatsResponseSchema> =
  async function* (cri, { filter }, call) {
    for await (const podSandboxStats of batches(podStatsOf(cri, filter, call), SIZE)) yield { podSandboxStats }
  }
