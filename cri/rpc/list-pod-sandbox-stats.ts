import type { ListPodSandboxStatsRequestSchema, ListPodSandboxStatsResponseSchema } from '../api/api_pb.js'
import { podStatsOf } from '../stats/list.ts'
import type { Unary } from './types.ts'

export const listPodSandboxStats: Unary<typeof ListPodSandboxStatsRequestSchema, typeof ListPodSandboxStatsResponseSchema> = async (
  cri,
  { filter },
  call,
) => ({ stats: await Array.fromAsync(podStatsOf(cri, filter, call)) })
