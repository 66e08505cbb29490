/** A pod of one container, step by step. */
import { randomUUID } from 'node:crypto'
import { type ContainerConfig, NamespaceMode, type PodSandboxConfig } from '../../../cri/api/api_pb.js'
import { containerConfig, podConfig } from '../../support/cri/configs.ts'
import { BUSYBOX } from './images.ts'
import type { Server } from './servers.ts'

export type Network = 'host' | 'bridge'

export interface Pod {
  readonly sandbox: string
  readonly container: string
}

const configs = (server: Server, network: Network, script: string): { pod: PodSandboxConfig; container: ContainerConfig } => {
  const name = `bench-${randomUUID().slice(0, 8)}`
  const namespaceOptions = {
    network: network === 'host' ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: NamespaceMode.CONTAINER,
    ipc: NamespaceMode.POD,
  }
  return {
    pod: podConfig({ folder: server.corner.folder }, name, {
      linux: { cgroupParent: server.pods, securityContext: { namespaceOptions } },
    }),
    container: containerConfig('main', script, {
      image: { image: BUSYBOX },
      linux: { resources: { memoryLimitInBytes: 64n << 20n, cpuShares: 100n, oomScoreAdj: 1000n } },
    }),
  }
}

/** Milliseconds by step. */
export type Times = Record<string, number>

const timed = async <T>(times: Times, step: string, work: Promise<T>): Promise<T> => {
  const from = performance.now()
  const result = await work
  times[step] = performance.now() - from
  return result
}

export const startPod = async (server: Server, network: Network, times: Times = {}, script = 'sleep 100000'): Promise<Pod> => {
  const { client } = server
  const { pod, container } = configs(server, network, script)
  const { podSandboxId: sandbox } = await timed(times, 'run', client.runPodSandbox({ config: pod }))
  const request = { podSandboxId: sandbox, config: container, sandboxConfig: pod }
  const { containerId } = await timed(times, 'create', client.createContainer(request))
  await timed(times, 'start', client.startContainer({ containerId }))
  return { sandbox, container: containerId }
}

/** As kubelet does it when the grace period is over. */
export const removePod = async ({ client }: Server, { sandbox, container }: Pod, times: Times = {}): Promise<void> => {
  await timed(times, 'stop container', client.stopContainer({ containerId: container, timeout: 0n }))
  await timed(times, 'remove container', client.removeContainer({ containerId: container }))
  await timed(times, 'stop pod', client.stopPodSandbox({ podSandboxId: sandbox }))
  await timed(times, 'remove pod', client.removePodSandbox({ podSandboxId: sandbox }))
}
