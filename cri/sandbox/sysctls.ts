/** Sysctls of a pod: those of its own namespaces, and no others, would be the node's. */
import { InvalidField } from '../../runtime/errors.ts'
import type { PodSandboxConfig } from '../api/api_pb.js'
import { hasNodeIpc, hasNodeNetwork } from './namespace-modes.ts'

/** ipc_namespaces(7). */
const IPC = /^(kernel\/(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\/mqueue\/[^/]+)$/

/** sysctl(8): where the first separator is a dot, a slash stands for a dot within a name. */
const fileOf = (name: string): string => {
  const first = name.search(/[./]/)
  return first !== -1 && name[first] === '.' ? name.replace(/[./]/g, (one) => (one === '.' ? '/' : '.')) : name
}

/** Throws InvalidField naming the one that is not allowed. */
export const sysctlsOf = (config: PodSandboxConfig): Readonly<Record<string, string>> => {
  const asked: Record<string, string> = {}
  for (const [name, value] of Object.entries(config.linux?.sysctls ?? {})) {
    const at = `config.linux.sysctls[${JSON.stringify(name)}]`
    const file = fileOf(name)
    if (file.split('/').some((part) => part === '' || part === '.' || part === '..')) throw new InvalidField(at, 'is no name of a sysctl')
    if (/[\0\n]/.test(value)) throw new InvalidField(at, 'must be one line')
    const network = file.startsWith('net/')
    if (!network && !IPC.test(file))
      throw new InvalidField(
        at,
        'is not in a namespace of the pod: allowed are net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*',
      )
    if (network && hasNodeNetwork(config)) throw new InvalidField(at, 'is not allowed: the pod has the node’s network')
    if (!network && hasNodeIpc(config)) throw new InvalidField(at, 'is not allowed: the pod has the node’s ipc namespace')
    asked[file] = value
  }
  return asked
}

/** With those that a pod has unless it wants them otherwise: low ports and ping(8) without privileges, as with other runtimes. */
export const sysctlsWithDefaults = (config: PodSandboxConfig, mapped: boolean): Readonly<Record<string, string>> => ({
  ...(hasNodeNetwork(config) ? {} : { 'net/ipv4/ip_unprivileged_port_start': '0' }),
  // the range has to be mapped
  ...(hasNodeNetwork(config) || mapped ? {} : { 'net/ipv4/ping_group_range': '0 2147483647' }),
  ...sysctlsOf(config),
})
