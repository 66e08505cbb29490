/** Sandboxes as ListPodSandbox and PodSandboxStatus say them. */
import { toJson, type MessageInitShape } from '@bufbuild/protobuf'
import { cniAttachments } from '../../runtime/network/cni/cache.ts'
import {
  type PodSandboxFilter,
  PodSandboxConfigSchema,
  type PodSandboxSchema,
  PodSandboxState,
  type PodSandboxStatusSchema,
} from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { optionsOf } from './namespace-modes.ts'
import { isReady } from './watch.ts'

const stateOf = (cri: Cri, sandbox: Sandbox): PodSandboxState =>
  isReady(cri, sandbox) ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY

const common = (cri: Cri, sandbox: Sandbox) => ({
  id: sandbox.id,
  metadata: sandbox.config.metadata!,
  state: stateOf(cri, sandbox),
  createdAt: sandbox.created,
  labels: sandbox.config.labels,
  annotations: sandbox.config.annotations,
  runtimeHandler: sandbox.runtimeHandler,
})

export const sandboxItem = (cri: Cri, sandbox: Sandbox): MessageInitShape<typeof PodSandboxSchema> => common(cri, sandbox)

export const sandboxStatus = (cri: Cri, sandbox: Sandbox): MessageInitShape<typeof PodSandboxStatusSchema> => {
  const [ip = '', ...others] = sandbox.addresses
  const { network, pid, ipc, targetId, usernsOptions } = optionsOf(sandbox.config)
  return {
    ...common(cri, sandbox),
    network: { ip, additionalIps: others.map((one) => ({ ip: one })) },
    linux: { namespaces: { options: { network, pid, ipc, targetId, ...(usernsOptions === undefined ? {} : { usernsOptions }) } } },
  }
}

/** PodSandboxStatusResponse.info: one key whose value is JSON, as crictl prints it. */
export const sandboxInfo = (cri: Cri, sandbox: Sandbox): { [key: string]: string } => ({
  info: JSON.stringify({
    pid: sandbox.init?.pid ?? 0,
    processStatus: isReady(cri, sandbox) ? 'running' : 'stopped',
    phase: sandbox.phase,
    runtimeHandler: sandbox.runtimeHandler,
    ...(sandbox.netns === undefined ? {} : { networkNamespace: sandbox.netns }),
    ...(sandbox.mappings === undefined ? {} : { userNamespace: sandbox.mappings }),
    cniResults: Object.fromEntries(cniAttachments(`${cri.config.root}/cri`, sandbox.id).map(({ network, result }) => [network, result])),
    config: toJson(PodSandboxConfigSchema, sandbox.config),
  }),
})

/** What is under way is not there yet. */
export const isThere = ({ phase }: Sandbox): boolean => phase !== 'making'

/** Those that the filter lets through; the id may be the beginning of one. */
export const listSandboxes = (cri: Cri, filter: PodSandboxFilter | undefined): MessageInitShape<typeof PodSandboxSchema>[] => {
  const { id = '', state, labelSelector = {} } = filter ?? {}
  const labels = Object.entries(labelSelector)
  return cri.sandboxes
    .list()
    .filter((one) => isThere(one) && one.id.startsWith(id) && labels.every(([name, value]) => one.config.labels[name] === value))
    .map((one) => sandboxItem(cri, one))
    .filter((one) => state === undefined || one.state === state.state)
}
