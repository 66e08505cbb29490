/** Finds out what compiling a container needs to know (init/plan.ts), and opens what its program is given. Makes nothing. */
import { closeSync, existsSync, fstatSync, lstatSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import type { CgroupRecord } from '../cgroups/types.ts'
import { allCapabilities, capabilityMask, lastCapability, readCapabilityData, capabilityHeader } from '../capabilities.ts'
import { layout } from '../cgroups/layout.ts'
import { InvalidField, WherryError } from '../errors.ts'
import { Descriptors } from '../init/descriptors.ts'
import { makedev } from '../init/devices.ts'
import type { CapabilityMasks, CgroupMountPlan, CopyEntry, Join, MountPlan, ProcessPlan, SeccompPlan } from '../init/plan.ts'
import type { RootView } from '../rootfs/view.ts'
import { parseMountOptions } from '../spec/mount-options.ts'
import type { Linux, LinuxIDMapping, LinuxNamespace, Mount, Process, Spec } from '../spec/types.ts'
import { NS_GET_NSTYPE } from '../sys/abi/ioctl.ts'
import { MS_BIND, MS_REMOUNT } from '../sys/abi/mount.ts'
import { NAMESPACE_FLAGS } from '../sys/abi/sched.ts'
import { S_IFDIR, S_IFMT } from '../sys/abi/stat.ts'
import { isErrno } from '../sys/error.ts'
import { syscall } from '../sys/syscall.ts'
import { followInRoot, insideRoot } from './follow.ts'
import { homeOf } from './passwd.ts'
import { checkProcMount } from './proc-mounts.ts'
import { isApparmorEnabled, isSelinuxEnabled } from './security-modules.ts'

const NOWHERE = -1

/** Descriptors that are closed when the program has been started, or was not. */
export class Held {
  readonly #fds: number[] = []
  readonly #real: boolean

  /** @param real false: nothing will be started, so what does not exist yet is not opened. */
  constructor({ real }: { readonly real: boolean } = { real: true }) {
    this.#real = real
  }

  get isReal(): boolean {
    return this.#real
  }

  open(path: string, flags: number): number {
    return this.#real ? this.keep(openSync(path, flags)) : NOWHERE
  }

  keep(fd: number): number {
    this.#fds.push(fd)
    return fd
  }
  close(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd)
  }
}

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd)
    return true
  } catch (error) {
    if (isErrno(error, 'EBADF')) return false
    throw error
  }
}

/** The descriptors 0–2 and `preserve` more, which the process inherits. */
export const inheritedDescriptors = (preserve: number): Descriptors => {
  for (let fd = 3; fd < 3 + preserve; fd += 1)
    if (!isOpen(fd))
      throw new WherryError('invalid-argument', `descriptor ${fd} is to be preserved (--preserve-fds, LISTEN_FDS) but is not open`)
  return new Descriptors(3 + preserve, isOpen)
}

/** What this process may do itself. */
export const ownCapabilities = (): { readonly effective: bigint; readonly permitted: bigint } => {
  const data = Buffer.alloc(24)
  syscall('capget', [capabilityHeader(), data])
  return readCapabilityData(data)
}

export const has = (mask: bigint, capability: string): boolean => (mask & capabilityMask([capability])) !== 0n

/** Joins by path; a namespace that this process is in already is not joined. */
export const openNamespaces = (namespaces: readonly LinuxNamespace[], descriptors: Descriptors, held: Held): Join[] => {
  const joins: Join[] = []
  for (const [index, { type, path }] of namespaces.entries()) {
    if (path === undefined) continue
    const field = `linux.namespaces[${index}].path`
    let fd: number
    try {
      fd = held.keep(openSync(path, 'r'))
    } catch (error) {
      throw new InvalidField(
        field,
        `cannot open ${path}: ${error instanceof Error && 'code' in error ? String(error.code) : String(error)}`,
      )
    }
    let found: number
    try {
      found = syscall('ioctl', [fd, NS_GET_NSTYPE, 0])
    } catch (error) {
      if (isErrno(error, 'ENOTTY', 'EINVAL')) throw new InvalidField(field, `${path} is not a namespace`)
      throw error
    }
    if (found !== NAMESPACE_FLAGS[type]) {
      const is = Object.entries(NAMESPACE_FLAGS).find(([, flag]) => flag === found)?.[0] ?? 'other'
      throw new InvalidField(field, `${path} is a namespace of type ${is}, not ${type}`)
    }
    const [own, there] = [statSync(`/proc/self/ns/${FILES[type]}`), fstatSync(fd)]
    if (own.ino !== there.ino || own.dev !== there.dev) joins.push({ type, fd: descriptors.add(fd) })
  }
  return joins
}

const FILES = { mount: 'mnt', pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', user: 'user', cgroup: 'cgroup', time: 'time' } as const

/** The config's sets, without what this process could not give: it says so. */
export const capabilityMasks = (process: Process, limit: bigint, warn: (message: string) => void): CapabilityMasks => {
  const set = (name: 'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient'): bigint => {
    const mask = capabilityMask(process.capabilities?.[name] ?? [])
    const missing = mask & ~limit
    if (missing !== 0n)
      warn(
        `ignoring capabilities in process.capabilities.${name} that are not available here: ${missingNames(process.capabilities?.[name] ?? [], missing).join(', ')}`,
      )
    return mask & limit
  }
  // no set can hold more than the one it is drawn from, capabilities(7)
  const bounding = set('bounding')
  const permitted = set('permitted') & bounding
  const inheritable = set('inheritable')
  const ambient = set('ambient')
  const raised = ambient & permitted & inheritable
  for (const name of missingNames(process.capabilities?.ambient ?? [], ambient & ~raised))
    warn(`can't raise ambient capability ${name}: it is not both permitted and inheritable`)
  return { bounding, effective: set('effective') & permitted, permitted, inheritable, ambient: raised, last: lastCapability() }
}

const missingNames = (names: readonly string[], missing: bigint): string[] =>
  names.filter((name) => (capabilityMask([name]) & missing) !== 0n)

/** Standard streams that are the host's /dev/null, and those whose owner is to be the user of the process. */
const standardStreams = (uid: number): Pick<ProcessPlan, 'nullStdio' | 'ownedStdio'> => {
  const streams = [0, 1, 2].filter(isOpen).map((fd) => ({ fd, stat: fstatSync(fd) }))
  const isNull = (rdev: number) => rdev === makedev(1, 3)
  return {
    nullStdio: streams.filter(({ stat }) => isNull(stat.rdev)).map(({ fd }) => fd),
    ownedStdio: streams.filter(({ stat }) => !isNull(stat.rdev) && stat.uid !== uid).map(({ fd }) => fd),
  }
}

/** Streams that were made for the process belong to its user; what was not made is the host's /dev/null, and stays its own. */
const givenStreams = (made: readonly number[]): Pick<ProcessPlan, 'nullStdio' | 'ownedStdio'> => ({
  nullStdio: [0, 1, 2].filter((fd) => !made.includes(fd)),
  ownedStdio: made,
})

/** The environment with HOME, which the user database of the container gives where the config does not. */
const environment = (process: Process, root: RootView): readonly string[] => {
  const env = process.env ?? []
  // of a name that is given twice the last counts, and stands once
  const byName = new Map(env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry]))
  if ((byName.get('HOME') ?? 'HOME=') === 'HOME=') byName.set('HOME', `HOME=${homeOf(root, process.user.uid)}`)
  return [...byName.values()]
}

export interface ProcessOptions {
  readonly process: Process
  readonly root: RootView
  readonly inherited: number
  readonly kept: number
  readonly console: number | undefined
  /** As a Starter has them: undefined for this process's, else those that were made for the process. */
  readonly streams: readonly number[] | undefined
  readonly mapNewlines: boolean
  readonly seccomp: SeccompPlan | undefined
  readonly capabilityLimit: bigint
  readonly setgroupsDenied: boolean
  readonly warn: (message: string) => void
}

export const processPlan = ({
  process,
  root,
  inherited,
  kept,
  console,
  streams,
  mapNewlines,
  seccomp,
  capabilityLimit,
  setgroupsDenied,
  warn,
}: ProcessOptions): ProcessPlan => {
  const unavailable = (field: string, module: string) => warn(`process.${field} has no effect: ${module} is not enabled on this host`)
  const apparmor = isApparmorEnabled() ? process.apparmorProfile : undefined
  if (process.apparmorProfile !== apparmor) unavailable('apparmorProfile', 'AppArmor')
  const selinux = isSelinuxEnabled() ? process.selinuxLabel : undefined
  if (process.selinuxLabel !== selinux) unavailable('selinuxLabel', 'SELinux')
  return {
    process,
    env: environment(process, root),
    capabilities: capabilityMasks(process, capabilityLimit, warn),
    seccomp,
    console,
    mapNewlines,
    ...(console !== undefined
      ? { nullStdio: [], ownedStdio: [] }
      : streams === undefined
        ? standardStreams(process.user.uid)
        : givenStreams(streams)),
    inherited,
    kept,
    apparmor,
    selinux,
    setgroupsDenied,
  }
}

/** The folder that a tmpcopyup mount covers, for its copy. At most this many entries. */
const MOST_COPIED = 20_000

/** An id of the host as the container’s user namespace has it; -1, which chown(2) passes over, for one that it does not have. */
const idInside = (id: number, mappings: readonly LinuxIDMapping[] | undefined): number => {
  if (mappings === undefined) return id
  const mapping = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size)
  return mapping === undefined ? -1 : id - mapping.hostID + mapping.containerID
}

const copyEntries = (root: RootView, folder: string, { uidMappings, gidMappings }: Linux): CopyEntry[] => {
  const entries: CopyEntry[] = []
  const visit = (path: string): void => {
    const below = path === '' ? folder : `${folder}/${path}`
    const full = root.real(below)
    if (full === undefined) return
    const stat = lstatSync(full)
    const isLink = stat.isSymbolicLink()
    entries.push({
      path,
      mode: stat.mode,
      uid: idInside(stat.uid, uidMappings),
      gid: idInside(stat.gid, gidMappings),
      size: stat.size,
      rdev: stat.rdev,
      ...(isLink ? { link: readlinkSync(full) } : {}),
    })
    if (entries.length > MOST_COPIED)
      throw new WherryError('invalid-argument', `tmpcopyup: /${folder} has more than ${MOST_COPIED} entries`)
    if ((stat.mode & S_IFMT) === S_IFDIR) for (const name of root.names(below)) visit(path === '' ? name : `${path}/${name}`)
  }
  visit('')
  return entries
}

const isFolder = (source: string, field: string): boolean => {
  try {
    return statSync(source).isDirectory()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new InvalidField(field, `cannot stat ${source}: ${code}${code === 'ENOENT' ? ': no such file or directory' : ''}`)
  }
}

interface Target {
  readonly target: string
  readonly type: string | undefined
}

/** File systems whose folders are the kernel's: the host shows what will be in them. */
const KERNEL_TYPES = new Set(['proc', 'sysfs'])

/** What the image has is there, unless an earlier mount covers it; in procfs and sysfs is what the host's have. The last of `targets` is its own. */
const isExpected = (target: string, inImage: boolean, targets: readonly Target[]): boolean => {
  const above = targets.slice(0, -1).findLast((other) => target.startsWith(`${other.target}/`))
  return above === undefined ? inImage : KERNEL_TYPES.has(above.type ?? '') && existsSync(`/${target}`)
}

/** A source that is a detached mount: its number in the program, and what it is. */
export interface GivenSource {
  readonly at: number
  readonly directory: boolean
}

export const givenSources = (
  sources: ReadonlyMap<number, number> | undefined,
  descriptors: Descriptors,
): ReadonlyMap<number, GivenSource> =>
  new Map(
    [...(sources ?? [])].map(
      ([index, fd]) => [index, { at: descriptors.add(fd), directory: fd < 0 || fstatSync(fd).isDirectory() }] as const,
    ),
  )

/** What must be known of each mount beforehand; `namespaceOf` makes the user namespace of an idmapped one. */
export const mountPlans = async (
  spec: Spec,
  root: RootView,
  sources: ReadonlyMap<number, GivenSource>,
  namespaceOf: (mount: Mount) => Promise<number>,
): Promise<MountPlan[]> => {
  const plans: MountPlan[] = []
  const targets: Target[] = []
  for (const [index, mount] of (spec.mounts ?? []).entries()) {
    const options = parseMountOptions(mount.options ?? [])
    const bind = ((options.flags & MS_BIND) !== 0 || mount.type === 'bind') && (options.flags & MS_REMOUNT) === 0
    const idmapped = mount.uidMappings !== undefined || options.idmap !== undefined
    const destination = insideRoot(spec.root.path, mount.destination) ?? mount.destination
    const target = followInRoot(root, destination)
    if ((options.flags & MS_REMOUNT) === 0) checkProcMount(target, mount, bind, `mounts[${index}].destination`)
    const real = root.real(target)
    const covered = real === undefined ? undefined : statSync(real, { throwIfNoEntry: false })
    targets.push({ target, type: mount.type })
    const given = bind ? sources.get(index) : undefined
    const inside = bind && given === undefined ? insideRoot(spec.root.path, mount.source!) : undefined
    plans.push({
      destination,
      target,
      expected: isExpected(target, covered !== undefined, targets),
      ...(inside === undefined ? {} : { inside }),
      ...(given === undefined ? {} : { given: given.at }),
      directory: !bind
        ? true
        : given !== undefined
          ? given.directory
          : inside === undefined
            ? isFolder(mount.source!, `mounts[${index}].source`)
            : (statSync(mount.source!, { throwIfNoEntry: false })?.isDirectory() ?? true),
      ...(mount.type === 'tmpfs' && covered?.isDirectory() ? { mode: covered.mode & 0o7777 } : {}),
      ...(idmapped ? { idmap: await namespaceOf(mount) } : {}),
      ...(options.tmpcopyup && covered?.isDirectory() ? { copy: copyEntries(root, target, spec.linux) } : {}),
    })
  }
  return plans
}

/** How the container's cgroup mount shows the hierarchies. */
export const cgroupMountPlan = (record: CgroupRecord): CgroupMountPlan => {
  if (record.layout === 'v2')
    return { layout: 'v2', hierarchies: [{ name: '', data: '', links: [], source: record.paths[''] ?? '/sys/fs/cgroup' }] }
  const byMount = new Map<string, string[]>()
  for (const [key, { mountPoint }] of layout().hierarchies)
    if (key !== '') byMount.set(mountPoint, [...(byMount.get(mountPoint) ?? []), key])
  return {
    layout: 'v1',
    hierarchies: [...byMount.entries()].map(([mountPoint, keys]) => {
      const name = mountPoint.slice(mountPoint.lastIndexOf('/') + 1)
      const named = keys.filter((key) => key.startsWith('name='))
      return {
        name,
        data: keys.map((key) => (named.includes(key) ? `none,${key}` : key)).join(','),
        links: keys.filter((key) => key !== name && !key.startsWith('name=')),
        source: record.paths[keys[0]!] ?? mountPoint,
      }
    }),
  }
}

/** Capabilities that a process can have in the end: all of them in a user namespace of its own, else what this process has. */
export const capabilityLimit = (userNamespace: boolean): bigint => (userNamespace ? allCapabilities() : ownCapabilities().permitted)

interface MountInfo {
  readonly point: string
  readonly type: string
}

/** proc_pid_mountinfo(5). */
const mountInfo = (): MountInfo[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      point: line.split(' ')[4]!.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      type: line.slice(line.indexOf(' - ') + 3).split(' ')[0]!,
    }))

const isBelow = (path: string, point: string): boolean => path === point || path.startsWith(point === '/' ? '/' : `${point}/`)

/** Where procfs and sysfs are mounted outside of `rootfs`, the innermost first. */
export const procMountPoints = (rootfs: string): string[] =>
  mountInfo()
    .filter(({ point, type }) => (type === 'proc' || type === 'sysfs') && !isBelow(point, rootfs))
    .map(({ point }) => point)
    .reverse()
