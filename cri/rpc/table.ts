/** Which function answers which RPC. What is undefined answers UNIMPLEMENTED. */
import type { ImageService, RuntimeService } from '../api/api_pb.js'
import { attach } from './attach.ts'
import { exec } from './exec.ts'
import { portForward } from './port-forward.ts'
import { imageFsInfo } from './image-fs-info.ts'
import { imageStatus } from './image-status.ts'
import { listImages } from './list-images.ts'
import { pullImage } from './pull-image.ts'
import { removeImage } from './remove-image.ts'
import { streamImages } from './stream-images.ts'
import { runtimeConfig } from './runtime-config.ts'
import { status } from './status.ts'
import { containerStats } from './container-stats.ts'
import { listContainerStats } from './list-container-stats.ts'
import { listMetricDescriptors } from './list-metric-descriptors.ts'
import { listPodSandboxMetrics } from './list-pod-sandbox-metrics.ts'
import { listPodSandboxStats } from './list-pod-sandbox-stats.ts'
import { podSandboxStats } from './pod-sandbox-stats.ts'
import { streamContainerStats } from './stream-container-stats.ts'
import { streamPodSandboxMetrics } from './stream-pod-sandbox-metrics.ts'
import { streamPodSandboxStats } from './stream-pod-sandbox-stats.ts'
import { runPodSandbox } from './run-pod-sandbox.ts'
import { stopPodSandbox } from './stop-pod-sandbox.ts'
import { removePodSandbox } from './remove-pod-sandbox.ts'
import { podSandboxStatus } from './pod-sandbox-status.ts'
import { listPodSandbox } from './list-pod-sandbox.ts'
import { streamPodSandboxes } from './stream-pod-sandboxes.ts'
import { updatePodSandboxResources } from './update-pod-sandbox-resources.ts'
import { createContainer } from './create-container.ts'
import { startContainer } from './start-container.ts'
import { stopContainer } from './stop-container.ts'
import { removeContainer } from './remove-container.ts'
import { listContainers } from './list-containers.ts'
import { streamContainers } from './stream-containers.ts'
import { containerStatus } from './container-status.ts'
import { updateContainerResources } from './update-container-resources.ts'
import { execSync } from './exec-sync.ts'
import { getContainerEvents } from './get-container-events.ts'
import { reopenContainerLog } from './reopen-container-log.ts'
import type { Handlers } from './types.ts'
import { updateRuntimeConfig } from './update-runtime-config.ts'
import { version } from './version.ts'

export const RUNTIME: Handlers<typeof RuntimeService> = {
  version,
  runPodSandbox,
  stopPodSandbox,
  removePodSandbox,
  podSandboxStatus,
  listPodSandbox,
  streamPodSandboxes,
  createContainer,
  startContainer,
  stopContainer,
  removeContainer,
  listContainers,
  streamContainers,
  containerStatus,
  updateContainerResources,
  reopenContainerLog,
  execSync,
  exec,
  attach,
  portForward,
  containerStats,
  listContainerStats,
  streamContainerStats,
  podSandboxStats,
  listPodSandboxStats,
  streamPodSandboxStats,
  updateRuntimeConfig,
  status,
  checkpointContainer: undefined,
  checkpointPod: undefined,
  restorePod: undefined,
  getContainerEvents,
  listMetricDescriptors,
  listPodSandboxMetrics,
  streamPodSandboxMetrics,
  runtimeConfig,
  updatePodSandboxResources,
}

export const IMAGES: Handlers<typeof ImageService> = {
  listImages,
  streamImages,
  imageStatus,
  pullImage,
  removeImage,
  imageFsInfo,
}
