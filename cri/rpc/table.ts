/** Which function answers which RPC. What is undefined answers UNIMPLEMENTED. */
import type { ImageService, RuntimeService } from '../api/api_pb.js'
import { runtimeConfig } from './runtime-config.ts'
import { status } from './status.ts'
import type { Handlers } from './types.ts'
import { updateRuntimeConfig } from './update-runtime-config.ts'
import { version } from './version.ts'

export const RUNTIME: Handlers<typeof RuntimeService> = {
  version,
  runPodSandbox: undefined,
  stopPodSandbox: undefined,
  removePodSandbox: undefined,
  podSandboxStatus: undefined,
  listPodSandbox: undefined,
  streamPodSandboxes: undefined,
  createContainer: undefined,
  startContainer: undefined,
  stopContainer: undefined,
  removeContainer: undefined,
  listContainers: undefined,
  streamContainers: undefined,
  containerStatus: undefined,
  updateContainerResources: undefined,
  reopenContainerLog: undefined,
  execSync: undefined,
  exec: undefined,
  attach: undefined,
  portForward: undefined,
  containerStats: undefined,
  listContainerStats: undefined,
  streamContainerStats: undefined,
  podSandboxStats: undefined,
  listPodSandboxStats: undefined,
  streamPodSandboxStats: undefined,
  updateRuntimeConfig,
  status,
  checkpointContainer: undefined,
  checkpointPod: undefined,
  restorePod: undefined,
  getContainerEvents: undefined,
  listMetricDescriptors: undefined,
  listPodSandboxMetrics: undefined,
  streamPodSandboxMetrics: undefined,
  runtimeConfig,
  updatePodSandboxResources: undefined,
}

export const IMAGES: Handlers<typeof ImageService> = {
  listImages: undefined,
  streamImages: undefined,
  imageStatus: undefined,
  pullImage: undefined,
  removeImage: undefined,
  imageFsInfo: undefined,
}
