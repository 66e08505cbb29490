/** The mounts of a container: those that every container has, the sandbox's files, the config's, those of CDI devices; parents first. */
import { InvalidField } from '../../../runtime/errors.ts'
import { isFilesystemOption, parseMountOptions } from '../../../runtime/spec/mount-options.ts'
import { isMapped } from '../../../runtime/spec/parse-mappings.ts'
import type { LinuxIDMapping, LinuxRootfsPropagation, Mount as SpecMountEntry } from '../../../runtime/spec/types.ts'
import { MS_BIND, MS_REMOUNT } from '../../../runtime/sys/abi/mount.ts'
import { type ContainerConfig, type IDMapping, type Mount, MountPropagation, NamespaceMode } from '../../api/api_pb.js'
import { boundDevices } from './devices.ts'
import type { MountSource, SpecFacts } from './facts.ts'

/** A mount, and the detached one that is its source. */
export interface SpecMount {
  readonly mount: SpecMountEntry
  readonly fd?: number
}

const SAFE = ['nosuid', 'noexec', 'nodev'] as const
const TTY_GROUP = 5

/** The namespace is the node's, and a container in a user namespace has no power over it: it may not mount what shows it. */
const isForeign = (mode: NamespaceMode | undefined, { sandbox }: SpecFacts): boolean =>
  mode === NamespaceMode.NODE && sandbox.mappings !== undefined

const sandboxModes = ({ sandbox }: SpecFacts) => sandbox.config.linux?.securityContext?.namespaceOptions

const containerPid = (config: ContainerConfig): NamespaceMode | undefined => config.linux?.securityContext?.namespaceOptions?.pid

const isPrivileged = (config: ContainerConfig): boolean => config.linux?.securityContext?.privileged === true

const proc = (config: ContainerConfig, facts: SpecFacts): SpecMountEntry =>
  isForeign(containerPid(config), facts)
    ? { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', 'rslave', ...SAFE] }
    : { destination: '/proc', type: 'proc', source: 'proc', options: [...SAFE] }

const sys = (config: ContainerConfig, facts: SpecFacts): SpecMountEntry => {
  const access = isPrivileged(config) ? 'rw' : 'ro'
  return isForeign(sandboxModes(facts)?.network, facts)
    ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'rslave', ...SAFE, ...(access === 'ro' ? ['ro'] : [])] }
    : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...SAFE, access] }
}

const defaults = (config: ContainerConfig, facts: SpecFacts): readonly SpecMount[] => {
  const ttyGroup = facts.sandbox.mappings === undefined || isMapped(TTY_GROUP, facts.sandbox.mappings.gid)
  const access = isPrivileged(config) ? 'rw' : 'ro'
  return [
    proc(config, facts),
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(ttyGroup ? [`gid=${TTY_GROUP}`] : [])],
    },
    ...(isForeign(sandboxModes(facts)?.ipc, facts)
      ? []
      : [{ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: [...SAFE] }]),
    sys(config, facts),
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...SAFE, 'relatime', access] },
  ].map((mount) => ({ mount }))
}

const sourced = (mount: SpecMountEntry, source: MountSource): SpecMount =>
  source.kind === 'path' ? { mount: { ...mount, source: source.path } } : { mount: { ...mount, source: mount.destination }, fd: source.fd }

const FILES = [
  ['hostname', '/etc/hostname'],
  ['hosts', '/etc/hosts'],
  ['resolvConf', '/etc/resolv.conf'],
] as const

/** Files of ours have the ids of the node; in a user namespace they are shown with the container's. */
const files = (readonly: boolean, { files: managed, sandbox, shm }: SpecFacts): readonly SpecMount[] => [
  ...FILES.flatMap(([name, destination]): SpecMount[] => {
    const source = managed[name]
    const options = ['rbind', 'rprivate', ...(readonly ? ['ro'] : []), ...(sandbox.mappings === undefined ? [] : ['idmap'])]
    return source === undefined ? [] : [{ mount: { destination, type: 'bind', source, options } }]
  }),
  { mount: { destination: '/dev/shm', type: 'bind', source: shm, options: ['rbind', 'rprivate', ...SAFE] } },
]

const PROPAGATION: Readonly<Record<MountPropagation, string>> = {
  [MountPropagation.PROPAGATION_PRIVATE]: 'rprivate',
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: 'rslave',
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: 'rshared',
}

const mappingsOf = (ids: readonly IDMapping[]): readonly LinuxIDMapping[] =>
  ids.map(({ hostId, containerId, length }) => ({ containerID: containerId, hostID: hostId, size: length }))

const sameMappings = (one: readonly LinuxIDMapping[], other: readonly LinuxIDMapping[]): boolean =>
  one.length === other.length &&
  one.every(
    ({ containerID, hostID, size }, index) =>
      containerID === other[index]!.containerID && hostID === other[index]!.hostID && size === other[index]!.size,
  )

/** The sandbox's own mappings need no user namespace made for them: the container joins the one that has them. */
const idmapOf = (
  { uidMappings, gidMappings }: Mount,
  { sandbox: { mappings } }: SpecFacts,
): Pick<SpecMountEntry, 'uidMappings' | 'gidMappings'> & { readonly option?: string } => {
  if (uidMappings.length === 0) return {}
  const [uid, gid] = [mappingsOf(uidMappings), mappingsOf(gidMappings)]
  if (mappings !== undefined && sameMappings(uid, mappings.uid) && sameMappings(gid, mappings.gid)) return { option: 'idmap' }
  return { option: 'idmap', uidMappings: uid, gidMappings: gid }
}

const bound = (mount: Mount, index: number, facts: SpecFacts): SpecMount => {
  const source = facts.sources.get(index)
  if (source === undefined) throw new TypeError(`the source of config.mounts[${index}] was not looked for`)
  // an image's is mounted with the ids of the container already
  const { option, ...mappings } = mount.image === undefined ? idmapOf(mount, facts) : {}
  const options = [
    'rbind',
    PROPAGATION[mount.propagation],
    ...mount.mountOptions,
    ...(mount.readonly || mount.image !== undefined ? ['ro'] : []),
    ...(mount.recursiveReadOnly ? ['rro'] : []),
    ...(option === undefined ? [] : [option]),
  ]
  return sourced({ destination: mount.containerPath, type: 'bind', options, ...mappings }, source)
}

const depth = ({ mount }: SpecMount): number => mount.destination.split('/').filter((part) => part !== '').length

/** Ours give way to the config's of the same place; below a /dev of the config's there is nothing of ours. */
const withoutCovered = (ours: readonly SpecMount[], users: readonly SpecMount[]): readonly SpecMount[] => {
  const taken = new Set(users.map(({ mount }) => mount.destination))
  return ours.filter(({ mount: { destination } }) => !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/')))
}

/** What the image has as volumes stays writable where the rest of it is not: each is bound on itself. */
const volumes = (paths: readonly string[], { rootfs }: SpecFacts): readonly SpecMount[] =>
  paths.map((path) => ({ mount: { destination: path, type: 'bind', source: `${rootfs}${path}`, options: ['rbind', 'rprivate', 'rw'] } }))

/** @param volumePaths of the image; they are folders of its root filesystem */
export const mountsOf = (config: ContainerConfig, facts: SpecFacts, volumePaths: readonly string[]): readonly SpecMount[] => {
  const readonly = config.linux?.securityContext?.readonlyRootfs === true
  const users = config.mounts.map((mount, index) => bound(mount, index, facts))
  const cdi = facts.cdi.mounts.map(({ hostPath, containerPath, type, options }) => ({
    mount: {
      destination: containerPath,
      type: type ?? 'bind',
      source: hostPath,
      options: options.length > 0 ? options : ['rbind', 'rprivate'],
    },
  }))
  const others = [
    ...(readonly ? volumes(volumePaths, facts) : []),
    ...files(readonly, facts),
    ...cdi,
    ...boundDevices(facts).map((mount) => ({ mount })),
  ]
  return [
    ...withoutCovered(defaults(config, facts), users),
    ...[...withoutCovered(others, users), ...users].sort((one, other) => depth(one) - depth(other)),
  ]
}

/** A shared mount needs a root that passes on what is mounted, a slave one a root that takes it. */
export const rootfsPropagationOf = ({ mounts }: Pick<ContainerConfig, 'mounts'>): LinuxRootfsPropagation | undefined => {
  const wanted = new Set(mounts.map(({ propagation }) => propagation))
  if (wanted.has(MountPropagation.PROPAGATION_BIDIRECTIONAL)) return 'rshared'
  return wanted.has(MountPropagation.PROPAGATION_HOST_TO_CONTAINER) ? 'rslave' : undefined
}

/** Options that say something else than the rest of the mount does. */
const refusedOption = (option: string): string | undefined => {
  if (option === '' || isFilesystemOption(option)) return 'is no option of a bind mount'
  const { flags, propagation, idmap, tmpcopyup } = parseMountOptions([option])
  return (flags & (MS_BIND | MS_REMOUNT)) !== 0 || propagation.length > 0 || idmap !== undefined || tmpcopyup
    ? 'is not for this list'
    : undefined
}

const checkPath = (path: string, field: string): void => {
  if (!path.startsWith('/')) throw new InvalidField(field, `must be absolute, is ${JSON.stringify(path)}`)
  if (path.includes('\0')) throw new InvalidField(field, 'has a NUL byte')
}

/** Throws `invalid-argument` naming the field. */
export const checkMount = (mount: Mount, index: number): void => {
  const field = `config.mounts[${index}]`
  checkPath(mount.containerPath, `${field}.container_path`)
  if (/^\/(\.?\/?)*$/.test(mount.containerPath)) throw new InvalidField(`${field}.container_path`, 'would cover the whole root filesystem')
  if (mount.image !== undefined && mount.image.image !== '') {
    if (mount.hostPath !== '') throw new InvalidField(`${field}.host_path`, 'must be empty for a mount of an image')
    if (!mount.readonly) throw new InvalidField(`${field}.readonly`, 'must be true for a mount of an image')
  } else if (mount.image !== undefined) throw new InvalidField(`${field}.image.image`, 'is empty')
  else {
    checkPath(mount.hostPath, `${field}.host_path`)
    if (mount.imageSubPath !== '') throw new InvalidField(`${field}.image_sub_path`, 'is for mounts of images')
  }
  if (!(mount.propagation in PROPAGATION)) throw new InvalidField(`${field}.propagation`, `is unknown: ${mount.propagation}`)
  if (mount.recursiveReadOnly) {
    if (!mount.readonly) throw new InvalidField(`${field}.recursive_read_only`, 'needs readonly')
    if (mount.propagation !== MountPropagation.PROPAGATION_PRIVATE)
      throw new InvalidField(`${field}.recursive_read_only`, 'needs PROPAGATION_PRIVATE')
  }
  if ((mount.uidMappings.length === 0) !== (mount.gidMappings.length === 0))
    throw new InvalidField(`${field}.${mount.uidMappings.length === 0 ? 'uidMappings' : 'gidMappings'}`, 'must be given with the other one')
  for (const [key, ids] of [['uidMappings', mount.uidMappings] as const, ['gidMappings', mount.gidMappings] as const])
    for (const [at, { length }] of ids.entries())
      if (length === 0) throw new InvalidField(`${field}.${key}[${at}].length`, 'must be above 0')
  for (const [at, option] of mount.mountOptions.entries()) {
    const problem = refusedOption(option)
    if (problem !== undefined) throw new InvalidField(`${field}.mount_options[${at}]`, `${JSON.stringify(option)} ${problem}`)
  }
}
