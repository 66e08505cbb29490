/** Which capabilities a container has: docker's fourteen, and what the flags change. */
import { DEFAULT_CAPABILITIES } from '../../../runtime/capabilities.ts'
import type { LinuxCapabilities } from '../../../runtime/spec/types.ts'
import type { SecurityRequest } from '../request.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'

/**
 * The bounding set. `ALL` is what can be had: in a user namespace of its own whatever the kernel knows. What is dropped is dropped,
 * also where all are added.
 */
export const capabilityNames = (
  { privileged, capAdd, capDrop }: Pick<SecurityRequest, 'privileged' | 'capAdd' | 'capDrop'>,
  { capabilities }: Pick<MachineFacts, 'capabilities'>,
  userNamespace: boolean,
): readonly string[] => {
  const all = userNamespace ? capabilities.known : capabilities.own
  const base = privileged || capAdd.includes('ALL') ? all : capDrop.includes('ALL') ? [] : DEFAULT_CAPABILITIES
  const added = capAdd.filter((name) => name !== 'ALL')
  return [...new Set([...base.filter((name) => !capDrop.includes(name)), ...added])]
}

/** Inheritable and ambient sets are empty: what a user other than root is to have comes from files, as ever (CVE-2022-29162). */
export const capabilitySets = (names: readonly string[]): LinuxCapabilities => ({ bounding: names, effective: names, permitted: names })
