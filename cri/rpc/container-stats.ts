import type { ContainerStatsRequestSchema, ContainerStatsResponseSchema } from '../api/api_pb.js'
import { statsOf } from '../stats/stats.ts'
import type { Unary } from './types.ts'

export const containerStats: Unary<typeof ContainerStatsRequestSchema, typeof ContainerStatsResponseSchema> = async (
  cri,
  { containerId },
) => {
  const container = cri.containers.find(containerId)
  const stats = statsOf(cri)
  await stats.prepare([container])
  return { stats: stats.container(cri.containers.find(container.id)) }
}
