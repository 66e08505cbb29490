/** Configs of pods and containers as kubelet writes them, for tests to add to. */
import { randomUUID } from 'node:crypto'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerConfig,
  ContainerConfigSchema,
  LinuxPodSandboxConfigSchema,
  LinuxSandboxSecurityContextSchema,
  NamespaceMode,
  NamespaceOptionSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from '../../../cri/api/api_pb.js'
import { MARK } from '../runtime.ts'
import type { CriClient } from './client.ts'
import { BUSYBOX } from './images.ts'
import type { TestServer } from './server.ts'

/** Plain fields, and no message. */
export type PodInit = Exclude<MessageInitShape<typeof PodSandboxConfigSchema>, PodSandboxConfig>
export type ContainerInit = Exclude<MessageInitShape<typeof ContainerConfigSchema>, ContainerConfig>

/** cgroup parent of all pods of this run: removed by the test that made it. */
export const CGROUP_PARENT = `/${MARK}-pods`

/** A pod on the node’s network, so that no CNI is asked, unless its `linux.securityContext.namespaceOptions` say something else. */
export const podConfig = (server: Pick<TestServer, 'folder'>, name: string, more: PodInit = {}): PodSandboxConfig => {
  const linux = create(LinuxPodSandboxConfigSchema, more.linux)
  linux.cgroupParent ||= CGROUP_PARENT
  linux.securityContext ??= create(LinuxSandboxSecurityContextSchema)
  linux.securityContext.namespaceOptions ??= create(NamespaceOptionSchema, {
    network: NamespaceMode.NODE,
    pid: NamespaceMode.CONTAINER,
    ipc: NamespaceMode.POD,
  })
  return create(PodSandboxConfigSchema, {
    metadata: { name, uid: randomUUID(), namespace: 'tests', attempt: 0 },
    logDirectory: `${server.folder}/logs/${name}`,
    labels: { app: name },
    ...more,
    linux,
  })
}

/** A container of busybox: a script, or whatever `more` says. */
export const containerConfig = (name: string, script: string, more: ContainerInit = {}): ContainerConfig =>
  create(ContainerConfigSchema, {
    metadata: { name, attempt: 0 },
    image: { image: BUSYBOX },
    command: ['sh', '-c', script],
    logPath: `${name}.log`,
    labels: { container: name },
    ...more,
  })

/** Runs a pod; its id. */
export const runPod = async (client: CriClient, config: PodSandboxConfig): Promise<string> =>
  (await client.runPodSandbox({ config })).podSandboxId

/** Creates and starts a container in it; its id. */
export const startContainer = async (
  client: CriClient,
  pod: string,
  config: ContainerConfig,
  sandboxConfig: PodSandboxConfig,
): Promise<string> => {
  const { containerId } = await client.createContainer({ podSandboxId: pod, config, sandboxConfig })
  await client.startContainer({ containerId })
  return containerId
}
