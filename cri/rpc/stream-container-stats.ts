import type { StreamContainerStatsRequestSchema, StreamContainerStatsResponseSchema } from '../api/api_pb.js'
import { batches } from '../stats/batches.ts'
import { containerStatsOf } from '../stats/list.ts'
import type { Streaming } from './types.ts'

const SIZE = 100

export const streamContainerStats: Streaming<typeof StreamContainerStatsRequestSchema, typeof StreamContainerStatsResponseSchema> =
  async function* (cri, { filter }, call) {
    for await (const containerStats of batches(containerStatsOf(cri, filter, call), SIZE)) yield { containerStats }
  }
