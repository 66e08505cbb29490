/** The mounts of a container: those that every container has, and what the user wants, parents before what lies below them. */
import { WherryError } from '../../../runtime/errors.ts'
import { isMapped } from '../../../runtime/spec/parse-mappings.ts'
import type { LinuxRootfsPropagation, Mount } from '../../../runtime/spec/types.ts'
import type { ContainerRequest, MountRequest } from '../request.ts'
import type { ManagedFiles, MountSource, SpecFacts } from './facts.ts'
import { boundDevices } from './devices.ts'
import { isOwn } from './namespaces.ts'

/** A mount, and the detached one that is its source. */
export interface SpecMount {
  readonly mount: Mount
  readonly fd?: number
}

type Request = Omit<ContainerRequest, 'image'>

const SAFE = ['nosuid', 'noexec', 'nodev'] as const
const TTY_GROUP = 5

/** The namespace is the machine's, and this container has no power over it: it may not mount what shows it. */
const isForeign = (request: Request, type: 'network' | 'pid' | 'ipc', { machine, mappings }: SpecFacts): boolean =>
  request[type].mode === 'host' && (machine.rootless || mappings !== undefined)

/** Whether /proc is the container's own, so that what belongs to its namespaces can be set there. */
export const hasOwnProc = (request: Request, facts: SpecFacts): boolean => !isForeign(request, 'pid', facts)

/** sysfs shows a network namespace, and can be mounted by who has power over that: where it is the machine's, and the user namespace is not, the machine's is bound. */
const sys = (request: Request, facts: SpecFacts): Mount => {
  const readonly = request.security.privileged ? 'rw' : 'ro'
  return isForeign(request, 'network', facts)
    ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'rslave', ...SAFE, ...(readonly === 'ro' ? ['ro'] : [])] }
    : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...SAFE, readonly] }
}

/** As sysfs, of a pid namespace. The machine's must never be seen by who is not to see its processes. */
const proc = (request: Request, facts: SpecFacts): Mount => {
  return isForeign(request, 'pid', facts)
    ? { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', 'rslave', ...SAFE] }
    : { destination: '/proc', type: 'proc', source: 'proc', options: [...SAFE] }
}

/** Writable only where nothing of the machine, nor a limit of its own, can be changed by it (CVE-2022-0492). */
const cgroup = (request: Request, { machine }: SpecFacts): Mount => {
  const own = machine.cgroup.layout === 'v2' && machine.cgroup.delegated && isOwn(request, 'cgroup')
  return {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: [...SAFE, 'relatime', own || request.security.privileged ? 'rw' : 'ro'],
  }
}

const shm = (request: Request, facts: SpecFacts): readonly SpecMount[] => {
  const { mode } = request.ipc
  const destination = '/dev/shm'
  if (mode === 'none') return []
  const options = ['rbind', 'rslave', ...SAFE]
  if (mode === 'host') return [{ mount: { destination, type: 'bind', source: destination, options } }]
  if (mode === 'container') return facts.shm === undefined ? [] : [sourced({ destination, type: 'bind', options }, facts.shm)]
  return [{ mount: { destination, type: 'tmpfs', source: 'shm', options: [...SAFE, 'mode=1777', `size=${request.shmSize}`] } }]
}

const defaults = (request: Request, facts: SpecFacts): readonly SpecMount[] => {
  const ttyGroup = facts.mappings === undefined ? !facts.machine.rootless : isMapped(TTY_GROUP, facts.mappings.gid)
  return [
    { mount: proc(request, facts) },
    { mount: { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] } },
    {
      mount: {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(ttyGroup ? [`gid=${TTY_GROUP}`] : [])],
      },
    },
    ...(isForeign(request, 'ipc', facts)
      ? []
      : [{ mount: { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: [...SAFE] } }]),
    ...shm(request, facts),
    { mount: sys(request, facts) },
    { mount: cgroup(request, facts) },
  ]
}

/** What --read-only leaves to be written to, as in podman. */
const WRITABLE: readonly (readonly [string, readonly string[]])[] = [
  ['/run', ['nosuid', 'nodev', 'tmpcopyup']],
  ['/tmp', ['nosuid', 'nodev', 'mode=1777', 'tmpcopyup']],
  ['/var/tmp', ['nosuid', 'nodev', 'mode=1777', 'tmpcopyup']],
]

const writable = ({ readonly, readonlyTmpfs }: Request): readonly SpecMount[] =>
  readonly && readonlyTmpfs
    ? WRITABLE.map(([destination, options]) => ({ mount: { destination, type: 'tmpfs', source: 'tmpfs', options } }))
    : []

const FILES: readonly (readonly [keyof ManagedFiles, string])[] = [
  ['resolvConf', '/etc/resolv.conf'],
  ['hostname', '/etc/hostname'],
  ['hosts', '/etc/hosts'],
]

const files = ({ readonly }: Request, facts: SpecFacts): readonly SpecMount[] =>
  FILES.flatMap(([name, destination]) => {
    const source = facts.files[name]
    return source === undefined
      ? []
      : [{ mount: { destination, type: 'bind', source, options: ['bind', 'rprivate', ...(readonly ? ['ro'] : [])] } }]
  })

const sourced = (mount: Mount, source: MountSource): SpecMount =>
  source.kind === 'path' ? { mount: { ...mount, source: source.path } } : { mount: { ...mount, source: mount.destination }, fd: source.fd }

/** Ids that are shifted: by the container's user namespace, or by the mount's own mappings. */
const idmapOf = (
  { type, idmap }: MountRequest,
  { mappings }: SpecFacts,
): Pick<Mount, 'uidMappings' | 'gidMappings'> & { readonly option?: string } => {
  if (idmap !== undefined && idmap !== true) return { option: 'idmap', uidMappings: idmap.uid, gidMappings: idmap.gid }
  // what containers write to volumes has the ids that they see, whatever user namespace they are in
  return mappings !== undefined && (idmap === true || type === 'volume') ? { option: 'idmap' } : {}
}

const bound = (request: MountRequest, source: MountSource | undefined, facts: SpecFacts): SpecMount => {
  const { target, readonly, recursiveReadonly, propagation = 'rprivate', nonRecursive, options } = request
  if (source === undefined) throw new WherryError('internal', `the source of mount ${target} was not looked for`)
  const { option, ...mappings } = idmapOf(request, facts)
  return sourced(
    {
      destination: target,
      type: 'bind',
      options: [
        nonRecursive === true ? 'bind' : 'rbind',
        propagation,
        ...options,
        ...(readonly ? ['ro'] : []),
        ...(readonly && nonRecursive !== true && recursiveReadonly !== 'writable' ? ['rro'] : []),
        ...(option === undefined ? [] : [option]),
      ],
      ...mappings,
    },
    source,
  )
}

const tmpfs = ({ target, readonly, size, mode, options }: MountRequest): SpecMount => ({
  mount: {
    destination: target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      ...options,
      ...(readonly ? ['ro'] : []),
      ...(size === undefined ? [] : [`size=${size}`]),
      ...(mode === undefined ? [] : [`mode=${mode.toString(8)}`]),
    ],
  },
})

const depth = ({ mount }: SpecMount): number => mount.destination.split('/').length

/** Our mounts give way to the user's of the same place; below a /dev of the user's there is nothing of ours. */
const withoutCovered = (ours: readonly SpecMount[], users: readonly SpecMount[]): readonly SpecMount[] => {
  const taken = new Set(users.map(({ mount }) => mount.destination))
  return ours.filter(({ mount: { destination } }) => !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/')))
}

export const mountsOf = (request: Request, facts: SpecFacts): readonly SpecMount[] => {
  const users = request.mounts.map((mount, index) =>
    mount.type === 'tmpfs' ? tmpfs(mount) : bound(mount, facts.sources.get(index), facts),
  )
  const others = [...writable(request), ...files(request, facts), ...boundDevices(facts).map((mount) => ({ mount }))]
  return [
    ...withoutCovered(defaults(request, facts), users),
    ...[...withoutCovered(others, users), ...users].sort((one, other) => depth(one) - depth(other)),
  ]
}

/** As docker: a shared mount needs a root that passes on what is mounted, a slave one a root that takes it. */
export const rootfsPropagationOf = ({ mounts }: Pick<Request, 'mounts'>): LinuxRootfsPropagation | undefined => {
  const wanted = new Set(mounts.map(({ propagation }) => propagation))
  if (wanted.has('shared') || wanted.has('rshared')) return 'shared'
  return wanted.has('slave') || wanted.has('rslave') ? 'rslave' : undefined
}
