/** Which cgroup hierarchies this machine has, and where in them this process is: proc_pid_mountinfo(5), cgroups(7). */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { WherryError } from '../errors.ts'
import type { CgroupLayout } from './types.ts'

export interface Hierarchy {
  /** Absolute directory of its mount. */
  readonly mountPoint: string
  /** The cgroup that is seen there: `/` unless the mount is a part of the hierarchy only. */
  readonly root: string
  /** Absolute directory of the cgroup this process is in. */
  readonly own: string
}

export interface Layout {
  readonly kind: CgroupLayout
  /** By controller name; '' is the unified hierarchy, `name=systemd` one without a controller. With v2 there is only ''. */
  readonly hierarchies: ReadonlyMap<string, Hierarchy>
}

/** The v1 hierarchies that a container takes part in, in the order in which it is put there. */
const V1_HIERARCHIES = [
  'cpuset',
  'devices',
  'memory',
  'cpu',
  'cpuacct',
  'pids',
  'blkio',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'freezer',
  'rdma',
  'name=systemd',
  'misc',
]

interface Mount {
  readonly id: string
  readonly parent: string
  readonly root: string
  readonly mountPoint: string
  readonly type: string
  readonly options: readonly string[]
}

/** Where every distribution has its cgroups: what is mounted here decides about the layout. */
const STANDARD = '/sys/fs/cgroup'

/** proc_pid_mountinfo(5) writes space, tab, newline and backslash in octal. */
const decode = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const parseMount = (line: string): Mount[] => {
  const separator = line.indexOf(' - ')
  const [id, parent, , root, mountPoint] = line.split(' ')
  const [type, , options] = line.slice(separator + 3).split(' ')
  if (id === undefined || parent === undefined || root === undefined || mountPoint === undefined || type === undefined) return []
  return [{ id, parent, root: decode(root), mountPoint: decode(mountPoint), type, options: (options ?? '').split(',') }]
}

/** Whether `path` is `folder` or below it. */
const isWithin = (path: string, folder: string): boolean => folder === '/' || path === folder || path.startsWith(`${folder}/`)

/**
 * Whether nothing was mounted over it: on its root, or, beside it, on a folder that leads to it (what was there before it would be its
 * parent). What its parent lies under lies over it too.
 * @param upon a mount on it that does not count
 */
const isSeen = ({ id, parent, mountPoint }: Mount, mounts: readonly Mount[], upon?: Mount): boolean => {
  const covered = mounts.some(
    (other) =>
      (other.parent === id && other.mountPoint === mountPoint && other !== upon) ||
      (other.parent === parent && other.id !== id && other.mountPoint !== mountPoint && isWithin(mountPoint, other.mountPoint)),
  )
  if (covered) return false
  const below = mounts.find((other) => other.id === parent && other.id !== id)
  return (
    below === undefined ||
    isSeen(
      below,
      mounts,
      mounts.find((other) => other.id === id),
    )
  )
}

/** Mounts of cgroups that are seen, and what is seen at the place where they usually are. */
const parseMounts = (mountinfo: string): readonly Mount[] => {
  const lines = mountinfo.split('\n')
  const own = lines.filter((line) => line.includes(' - cgroup') || line.includes(` ${STANDARD} `)).flatMap(parseMount)
  // There may be thousands of other mounts: only those that can lie over these count.
  const ways = lines.flatMap((line) => {
    const mountPoint = line.split(' ', 5)[4]
    return mountPoint !== undefined && own.some((mount) => isWithin(mount.mountPoint, decode(mountPoint))) ? parseMount(line) : []
  })
  return own.filter((mount) => isSeen(mount, ways))
}

/** /proc/PID/cgroup: path in each hierarchy, by controller. */
export const parseProcCgroup = (text: string): ReadonlyMap<string, string> => {
  const paths = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, , controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (controllers !== undefined && path !== undefined) for (const controller of controllers.split(',')) paths.set(controller, path)
  }
  return paths
}

/**
 * The directory of cgroup `path` in a mount that shows the hierarchy from `root` on (in a container without a cgroup
 * namespace that is not `/`). The mount point itself for what is outside of it.
 */
export const directoryIn = (mount: Pick<Hierarchy, 'root' | 'mountPoint'>, path: string): string => {
  const below = posix.relative(mount.root, path)
  return below === '..' || below.startsWith('../') ? mount.mountPoint : posix.join(mount.mountPoint, below)
}

/** `mountinfo` and `cgroup` are the contents of these files in /proc/self. */
export const parseLayout = (mountinfo: string, cgroup: string): Layout => {
  const mounts = parseMounts(mountinfo)
  const own = parseProcCgroup(cgroup)
  const hierarchy = (mount: Mount, key: string): Hierarchy => ({
    mountPoint: mount.mountPoint,
    root: mount.root,
    own: directoryIn(mount, own.get(key) ?? '/'),
  })
  const unified = mounts.filter((mount) => mount.type === 'cgroup2')
  // What was mounted last on one place is what is seen there.
  const standard = mounts.findLast((mount) => mount.mountPoint === STANDARD)
  const hierarchies = new Map<string, Hierarchy>()
  if (standard?.type !== 'cgroup2')
    for (const key of V1_HIERARCHIES) {
      const mount = mounts.find((candidate) => candidate.type === 'cgroup' && candidate.options.includes(key))
      if (mount !== undefined && own.has(key)) hierarchies.set(key, hierarchy(mount, key))
    }
  const v1 = [...hierarchies.keys()].some((key) => !key.startsWith('name='))
  const mount = standard?.type === 'cgroup2' ? standard : unified[0]
  if (mount === undefined && !v1)
    throw new WherryError('failed-precondition', 'no cgroup hierarchy is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup')
  if (!v1) hierarchies.clear()
  if (mount !== undefined) hierarchies.set('', hierarchy(mount, ''))
  return { kind: !v1 ? 'v2' : mount === undefined ? 'v1' : 'hybrid', hierarchies }
}

let cached: Layout | undefined

/** The layout of this machine, read once: mounts of cgroups are not expected to change while a program runs. */
export const layout = (): Layout => {
  cached ??= parseLayout(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))
  return cached
}
