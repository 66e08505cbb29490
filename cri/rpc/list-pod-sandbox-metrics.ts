import type { ListPodSandboxMetricsRequestSchema, ListPodSandboxMetricsResponseSchema } from '../api/api_pb.js'
import { podMetricsOf } from '../stats/metrics/pod.ts'
import type { Unary } from './types.ts'

export const listPodSandboxMetrics: Unary<typeof ListPodSandboxMetricsRequestSchema, typeof ListPodSandboxMetricsResponseSchema> = async (
  cri,
  _,
  call,
) => ({ podMetrics: await Array.fromAsync(podMetricsOf(cri, call)) })
