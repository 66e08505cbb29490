/** How a container of a pod comes into the pod's namespaces. */
import { WherryError, InvalidField } from '../../runtime/errors.ts'
import { isAlive } from '../../runtime/container/process-id.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import type { LinuxNamespace } from '../../runtime/spec/types.ts'
import { NamespaceMode, type NamespaceOption } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { optionsOf } from './namespace-modes.ts'

const FIELD = 'config.linux.security_context.namespace_options'

const pathOf = ({ pid }: ProcessId, name: string): string => `/proc/${pid}/ns/${name}`

/** The pod's holder, which runs. Throws `failed-precondition` where the sandbox is not ready. */
export const holderOf = ({ id, phase, init }: Sandbox): ProcessId => {
  if (phase !== 'ready' || init === undefined || !isAlive(init))
    throw new WherryError('failed-precondition', `pod sandbox ${id} is not ready: it has been stopped, or its holder has ended`)
  return init
}

/** The namespace of pids; undefined: the node's. */
const pids = (cri: Pick<Cri, 'containers'>, sandbox: Sandbox, holder: ProcessId, options: NamespaceOption): LinuxNamespace | undefined => {
  switch (options.pid) {
    case NamespaceMode.NODE:
      return undefined
    case NamespaceMode.CONTAINER:
      return { type: 'pid' }
    case NamespaceMode.POD:
      return { type: 'pid', path: pathOf(holder, 'pid') }
    case NamespaceMode.TARGET: {
      const target = cri.containers.tryFind(options.targetId)
      if (target === undefined || target.sandbox !== sandbox.id)
        throw new InvalidField(`${FIELD}.target_id`, `${JSON.stringify(options.targetId)} is no container of pod sandbox ${sandbox.id}`)
      if (target.phase !== 'running' || target.init === undefined || !isAlive(target.init))
        throw new WherryError('failed-precondition', `${FIELD}.target_id: container ${target.id} does not run`)
      return { type: 'pid', path: pathOf(target.init, 'pid') }
    }
    default:
      throw new InvalidField(`${FIELD}.pid`, `${String(options.pid)} is no mode of a namespace`)
  }
}

/**
 * linux.namespaces for a container of the pod: mount and cgroup of its own, pids as its own options want them, all others the pod's, which
 * are the node's where the pod has none. (Joining what one is in already does nothing.) Throws `failed-precondition` where the pod is not
 * ready, InvalidField.
 */
export const namespacesFor = (
  cri: Pick<Cri, 'containers'>,
  sandbox: Sandbox,
  options: NamespaceOption = optionsOf(sandbox.config),
): LinuxNamespace[] => {
  const holder = holderOf(sandbox)
  const pid = pids(cri, sandbox, holder, options)
  return [
    ...(sandbox.mappings === undefined ? [] : [{ type: 'user', path: pathOf(holder, 'user') } as const]),
    { type: 'network', path: pathOf(holder, 'net') },
    { type: 'ipc', path: pathOf(holder, 'ipc') },
    { type: 'uts', path: pathOf(holder, 'uts') },
    ...(pid === undefined ? [] : [pid]),
    { type: 'mount' },
    { type: 'cgroup' },
  ]
}
