/** Which namespaces a pod has of its own, and which are the node's: NamespaceOption, checked. */
import { create } from '@bufbuild/protobuf'
import { InvalidField } from '../../runtime/errors.ts'
import type { Mappings } from '../../runtime/container/idmap.ts'
import type { LinuxIDMapping } from '../../runtime/spec/types.ts'
import { type IDMapping, NamespaceMode, type NamespaceOption, NamespaceOptionSchema, type PodSandboxConfig } from '../api/api_pb.js'

export const SANDBOX_OPTIONS = 'config.linux.security_context.namespace_options'

/** What is asked for, or what is meant where nothing is: a network and an ipc namespace of the pod's, and one of pids. */
export const optionsOf = ({ linux }: Pick<PodSandboxConfig, 'linux'>): NamespaceOption =>
  linux?.securityContext?.namespaceOptions ?? create(NamespaceOptionSchema)

const nameOf = (mode: NamespaceMode): string => NamespaceMode[mode] ?? String(mode)

const oneOf = (options: NamespaceOption, field: 'network' | 'pid' | 'ipc', allowed: readonly NamespaceMode[]): void => {
  if (allowed.includes(options[field])) return
  throw new InvalidField(
    `${SANDBOX_OPTIONS}.${field}`,
    `is ${nameOf(options[field])}, which a pod cannot have: ${allowed.map(nameOf).join(', ')}`,
  )
}

/** user_namespaces(7): ids that are mapped are below 2^32 - 1. */
const LARGEST = 2 ** 32 - 1

const mapping = (list: readonly IDMapping[], field: string): LinuxIDMapping => {
  const [first] = list
  const at = `${SANDBOX_OPTIONS}.userns_options.${field}`
  if (first === undefined || list.length !== 1) throw new InvalidField(at, `has ${list.length} mappings: one is wanted`)
  const { hostId, containerId, length } = first
  if (length === 0) throw new InvalidField(at, 'has a mapping of no ids')
  if (containerId !== 0) throw new InvalidField(at, 'does not map id 0 of the pod, which there has to be')
  if (Math.max(hostId, containerId) + length > LARGEST) throw new InvalidField(at, 'goes beyond the largest id')
  return { hostID: hostId, containerID: containerId, size: length }
}

/** Of the pod's own user namespace; undefined with the node's. */
const mappingsOf = (options: NamespaceOption): Mappings | undefined => {
  const user = options.usernsOptions
  if (user === undefined) return undefined
  const at = `${SANDBOX_OPTIONS}.userns_options`
  if (user.mode === NamespaceMode.NODE) {
    if (user.uids.length > 0 || user.gids.length > 0) throw new InvalidField(at, 'has mappings, and the mode NODE, which has none')
    return undefined
  }
  if (user.mode !== NamespaceMode.POD) throw new InvalidField(`${at}.mode`, `is ${nameOf(user.mode)}, which a pod cannot have: POD, NODE`)
  for (const field of ['network', 'pid', 'ipc'] as const)
    if (options[field] === NamespaceMode.NODE)
      throw new InvalidField(`${SANDBOX_OPTIONS}.${field}`, 'is NODE, which a pod with a user namespace of its own cannot have')
  return { uid: [mapping(user.uids, 'uids')], gid: [mapping(user.gids, 'gids')] }
}

/** Throws InvalidField. */
export const checkNamespaceModes = (config: PodSandboxConfig): Mappings | undefined => {
  const options = optionsOf(config)
  oneOf(options, 'network', [NamespaceMode.POD, NamespaceMode.NODE])
  oneOf(options, 'ipc', [NamespaceMode.POD, NamespaceMode.NODE])
  oneOf(options, 'pid', [NamespaceMode.POD, NamespaceMode.CONTAINER, NamespaceMode.NODE])
  return mappingsOf(options)
}

export const hasNodeNetwork = (config: PodSandboxConfig): boolean => optionsOf(config).network === NamespaceMode.NODE
export const hasNodeIpc = (config: PodSandboxConfig): boolean => optionsOf(config).ipc === NamespaceMode.NODE
