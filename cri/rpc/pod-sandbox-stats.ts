import type { PodSandboxStatsRequestSchema, PodSandboxStatsResponseSchema } from '../api/api_pb.js'
import { podOf } from '../stats/select.ts'
import { statsOf } from '../stats/stats.ts'
import type { Unary } from './types.ts'

export const podSandboxStats: Unary<typeof PodSandboxStatsRequestSchema, typeof PodSandboxStatsResponseSchema> = async (
  cri,
  { podSandboxId },
) => {
  const { id } = cri.sandboxes.find(podSandboxId)
  const stats = statsOf(cri)
  await stats.prepare(podOf(cri, cri.sandboxes.find(id)).members)
  const { sandbox, members } = podOf(cri, cri.sandboxes.find(id))
  return { stats: stats.pod(sandbox, members) }
}
