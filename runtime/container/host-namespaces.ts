/** A namespace that is joined by path may be the one that we are in: then it is not the container's to change. */
import { InvalidField } from '../errors.ts'
import type { Join } from '../init/plan.ts'
import type { LinuxNamespaceType, Spec } from '../spec/types.ts'

/** The namespace that a file below /proc/sys is of; of those that parseSpec allows. */
const namespaceOf = (file: string): LinuxNamespaceType =>
  file.startsWith('net/') ? 'network' : file === 'kernel/domainname' ? 'uts' : 'ipc'

/** Refuses what would change the host's hostname, domain name or sysctls. @param joins without namespaces that we are in already */
export const refuseHostChanges = ({ linux, hostname, domainname }: Spec, joins: readonly Join[]): void => {
  const isOurs = (type: LinuxNamespaceType): boolean =>
    (linux.namespaces ?? []).some((one) => one.type === type && one.path !== undefined) && !joins.some((join) => join.type === type)
  const refuse = (field: string, type: LinuxNamespaceType): void => {
    if (isOurs(type)) throw new InvalidField(field, `is not allowed: the path of the ${type} namespace is the host's own`)
  }
  if (hostname !== undefined) refuse('hostname', 'uts')
  if (domainname !== undefined) refuse('domainname', 'uts')
  for (const file of Object.keys(linux.sysctl ?? {})) refuse(`linux.sysctl[${JSON.stringify(file)}]`, namespaceOf(file))
}
