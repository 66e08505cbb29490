/** Which capabilities a container has: docker's fourteen, or all of a privileged one, and what its config changes. */
import { CAPABILITY_NAMES, DEFAULT_CAPABILITIES } from '../../../runtime/capabilities.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'
import { InvalidField } from '../../../runtime/errors.ts'
import type { LinuxCapabilities } from '../../../runtime/spec/types.ts'
import type { Capability } from '../../api/api_pb.js'

const FIELD = 'config.linux.security_context.capabilities'
const ALL = 'ALL'
const KNOWN: ReadonlySet<string> = new Set(CAPABILITY_NAMES)

/** As people write them: `NET_ADMIN`, `cap_net_admin`, `ALL`. */
const nameOf = (text: string, field: string): string => {
  const upper = text.toUpperCase()
  if (upper === ALL) return ALL
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (!KNOWN.has(name)) throw new InvalidField(field, `${JSON.stringify(text)} is no capability: see capabilities(7)`)
  return name
}

export interface CapabilityRequest {
  readonly capabilities: Capability | undefined
  readonly privileged: boolean
  /** The container is in a user namespace of its pod. */
  readonly userNamespace: boolean
}

/**
 * `ALL` is what can be had: in a user namespace whatever the kernel knows. To drop ALL takes away what there is by default and by adding ALL, and
 * leaves what is added by name; what is dropped by name is dropped. Ambient ones are in all sets.
 */
export const capabilitySets = (
  { capabilities, privileged, userNamespace }: CapabilityRequest,
  machine: Pick<MachineFacts, 'capabilities'>,
): LinuxCapabilities => {
  const named = (list: readonly string[] | undefined, field: string): readonly string[] =>
    (list ?? []).map((text, index) => nameOf(text, `${FIELD}.${field}[${index}]`))
  const added = named(capabilities?.addCapabilities, 'add_capabilities')
  const dropped = named(capabilities?.dropCapabilities, 'drop_capabilities')
  const ambient = named(capabilities?.addAmbientCapabilities, 'add_ambient_capabilities')
  const all = userNamespace ? machine.capabilities.known : machine.capabilities.own
  const base = dropped.includes(ALL) ? [] : privileged || added.includes(ALL) ? all : DEFAULT_CAPABILITIES
  const raised = ambient.includes(ALL) ? all : ambient
  const names = [...new Set([...base, ...added.filter((name) => name !== ALL), ...raised])].filter((name) => !dropped.includes(name))
  const kept = raised.filter((name) => names.includes(name))
  return {
    bounding: names,
    effective: names,
    permitted: names,
    ...(kept.length === 0 ? {} : { inheritable: kept, ambient: kept }),
  }
}
