/** What must fit together between the fields of a config: an ordered list of checks, each of which throws InvalidField. */
import { InvalidField } from '../errors.ts'
import { parseMountOptions } from './mount-options.ts'
import { isMapped } from './parse-mappings.ts'
import type { LinuxIDMapping, LinuxNamespaceType, Spec, User } from './types.ts'

type Check = (spec: Spec) => void

const has = (spec: Spec, type: LinuxNamespaceType): boolean => spec.linux.namespaces?.some((one) => one.type === type) ?? false

const isNew = (spec: Spec, type: LinuxNamespaceType): boolean =>
  spec.linux.namespaces?.some((one) => one.type === type && one.path === undefined) ?? false

const need = (type: LinuxNamespaceType): string => `needs a namespace of its own: add {"type": "${type}"} to linux.namespaces`

/** Otherwise they would change the host. */
const names: Check = (spec) => {
  for (const key of ['hostname', 'domainname'] as const)
    if (spec[key] !== undefined && !has(spec, 'uts')) throw new InvalidField(key, need('uts'))
}

const restrictedPaths: Check = (spec) => {
  for (const key of ['maskedPaths', 'readonlyPaths'] as const)
    if (spec.linux[key]?.length && !has(spec, 'mount')) throw new InvalidField(`linux.${key}`, need('mount'))
}

const userNamespace: Check = (spec) => {
  for (const key of ['uidMappings', 'gidMappings'] as const) {
    const mappings = spec.linux[key]
    if (mappings?.length && !has(spec, 'user')) throw new InvalidField(`linux.${key}`, need('user'))
    if (!isNew(spec, 'user')) continue
    if (!mappings?.length) throw new InvalidField(`linux.${key}`, 'must have at least one entry for the new user namespace')
    if (!isMapped(0, mappings)) throw new InvalidField(`linux.${key}`, 'must map id 0 of the container, which sets it up')
  }
}

/**
 * Throws InvalidField where an id of `user` (at JSON path `path`) does not exist in the user namespace.
 * A single mapped group is how unprivileged users map themselves, with setgroups(2) denied: there additional groups are left out, as in runc.
 */
export const checkMapped = (
  user: User,
  path: string,
  uidMappings: readonly LinuxIDMapping[],
  gidMappings: readonly LinuxIDMapping[],
): void => {
  const missing = (at: string, id: number, key: string) =>
    new InvalidField(`${path}.${at}`, `${id} is not mapped in the user namespace: linux.${key} must cover it`)
  if (!isMapped(user.uid, uidMappings)) throw missing('uid', user.uid, 'uidMappings')
  if (!isMapped(user.gid, gidMappings)) throw missing('gid', user.gid, 'gidMappings')
  if (gidMappings.length === 1 && gidMappings[0]?.size === 1) return
  for (const [index, gid] of (user.additionalGids ?? []).entries())
    if (!isMapped(gid, gidMappings)) throw missing(`additionalGids[${index}]`, gid, 'gidMappings')
}

const processIds: Check = (spec) => {
  if (isNew(spec, 'user')) checkMapped(spec.process.user, 'process.user', spec.linux.uidMappings ?? [], spec.linux.gidMappings ?? [])
}

const timeOffsets: Check = ({ linux }) => {
  const { monotonic, boottime } = linux.timeOffsets ?? {}
  if (monotonic === undefined && boottime === undefined) return
  const time = linux.namespaces?.find(({ type }) => type === 'time')
  if (time === undefined) throw new InvalidField('linux.timeOffsets', need('time'))
  if (time.path !== undefined) throw new InvalidField('linux.timeOffsets', 'must not be there when a time namespace is joined by path')
}

/** An `idmap` without mappings takes those of the container's user namespace. */
const idMappedMounts: Check = (spec) => {
  if (has(spec, 'user')) return
  for (const [index, mount] of (spec.mounts ?? []).entries()) {
    const { idmap } = parseMountOptions(mount.options ?? [])
    if (idmap !== undefined && mount.uidMappings === undefined)
      throw new InvalidField(
        `mounts[${index}].uidMappings`,
        `must be there with gidMappings: option ${idmap} has no user namespace to take mappings from`,
      )
  }
}

export const CHECKS: readonly Check[] = [names, restrictedPaths, userNamespace, processIds, timeOffsets, idMappedMounts]
