import type { StreamPodSandboxMetricsRequestSchema, StreamPodSandboxMetricsResponseSchema } from '../api/api_pb.js'
import { batches } from '../stats/batches.ts'
import { podMetricsOf } from '../stats/metrics/pod.ts'
import type { Streaming } from './types.ts'

/** A pod has some hundreds of metrics. */
const SIZE = 10

export const streamPodSandboxMetrics: Streaming<typeof StreamPodSandboxMetricsRequestSchema, typeof StreamPodSandboxMetricsResponseSchema> =
  async function* (cri, _, call) {
    for await (const podSandboxMetrics of batches(podMetricsOf(cri, call), SIZE)) yield { podSandboxMetrics }
  }
