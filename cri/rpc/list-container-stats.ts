import type { ListContainerStatsRequestSchema, ListContainerStatsResponseSchema } from '../api/api_pb.js'
import { containerStatsOf } from '../stats/list.ts'
import type { Unary } from './types.ts'

export const listContainerStats: Unary<typeof ListContainerStatsRequestSchema, typeof ListContainerStatsResponseSchema> = async (
  cri,
  { filter },
  call,
) => ({ stats: await Array.fromAsync(containerStatsOf(cri, filter, call)) })
