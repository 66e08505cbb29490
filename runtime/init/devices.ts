/** /dev: the default devices and those of linux.devices, the links that every program expects, and the terminal's nodes. */
import { basename, dirname } from 'node:path'
import type { Cell, Operand } from '../program/operand.ts'
import type { LinuxDevice } from '../spec/types.ts'
import { AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_NOFOLLOW, O_RDWR } from '../sys/abi/fcntl.ts'
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, STATX, STATX_BASIC_STATS } from '../sys/abi/stat.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { makeInRoot, openInRoot, parentInRoot, relative } from './resolve.ts'
import { attach, cloneTree, isBind, type ParsedMount } from './sources.ts'

const device = (path: string, major: number, minor: number): LinuxDevice => ({
  type: 'c',
  path,
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
})

/** runtime-spec 1.2, config-linux.md "Default Devices"; console and ptmx are made with the terminal and the devpts. */
export const DEFAULT_DEVICES: readonly LinuxDevice[] = [
  device('/dev/null', 1, 3),
  device('/dev/random', 1, 8),
  device('/dev/full', 1, 7),
  device('/dev/tty', 5, 0),
  device('/dev/zero', 1, 5),
  device('/dev/urandom', 1, 9),
]

const LINKS: readonly (readonly [string, string])[] = [
  ['/proc/self/fd', 'fd'],
  ['/proc/self/fd/0', 'stdin'],
  ['/proc/self/fd/1', 'stdout'],
  ['/proc/self/fd/2', 'stderr'],
]

const TYPES = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const

/** dev_t as mknod(2) takes it: 12 bits major, 20 bits minor, makedev(3). */
export const makedev = (major: number, minor: number): number => (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)

/** Devices of the config win over default ones of the same path. */
export const allDevices = (plan: ContainerPlan): readonly LinuxDevice[] => {
  const own = plan.spec.linux.devices ?? []
  const paths = new Set(own.map(({ path }) => relative(path)))
  return [...DEFAULT_DEVICES.filter(({ path }) => !paths.has(relative(path))), ...own]
}

/** Where /dev is the host's own folder nothing is made in it. */
export const devIsBound = (mounts: readonly ParsedMount[]): boolean =>
  mounts.some((parsed) => relative(parsed.mount.destination) === 'dev' && isBind(parsed))

/** Devices that cannot be made are bound from the host: their sources, opened where the host's paths are seen. */
export const emitDeviceSources = ({ p, plan }: Emit<ContainerPlan>): readonly (Cell | undefined)[] =>
  allDevices(plan).map(({ path, type }) => {
    if (plan.mknod || type === 'p') return undefined
    p.during = `device ${path}`
    return cloneTree(p, path, false, 'source')
  })

const emitDevice = ({ p }: Emit<ContainerPlan>, root: Operand, dev: Operand, node: LinuxDevice, source: Cell | undefined): void => {
  p.during = `device ${node.path}`
  if (source !== undefined) {
    attach(p, source, makeInRoot(p, root, node.path, 'file'))
    return
  }
  const { folder, base } = dirname(node.path) === '/dev' ? { folder: dev, base: basename(node.path) } : parentInRoot(p, root, node.path)
  const mode = TYPES[node.type] | (node.fileMode ?? 0o666)
  const there = p.label()
  const done = p.label()
  p.call('mknodat', [folder, base, mode, node.type === 'p' ? 0 : makedev(node.major, node.minor)], { tolerate: { EEXIST: there } })
  if ((node.uid ?? 0) !== 0 || (node.gid ?? 0) !== 0) p.call('fchownat', [folder, base, node.uid ?? 0, node.gid ?? 0, AT_SYMLINK_NOFOLLOW])
  p.jump(done)
  p.place(there) // of the image or of a mount: it must be what was asked for
  const fd = openInRoot(p, root, node.path)
  requireDevice({ p }, fd, node)
  p.place(done)
}

/** Fails unless `fd` is that device. */
export const requireDevice = ({ p }: Pick<Emit<unknown>, 'p'>, fd: Operand, node: Pick<LinuxDevice, 'type' | 'major' | 'minor'>): void => {
  const statx = p.buffer(STATX.size)
  p.call('statx', [fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, statx])
  p.compare(statx.plus(STATX.stx_mode), TYPES[node.type], { mask: S_IFMT, otherwise: 'fail' })
  if (node.type === 'p') return
  p.compare(statx.plus(STATX.stx_rdev_major), (BigInt(node.minor) << 32n) | BigInt(node.major), { otherwise: 'fail' })
}

/** A descriptor (O_PATH) of the container's /dev/null, which is really that device. */
export const openNull = (emit: Pick<Emit<unknown>, 'p'>, root: Operand): Cell => {
  const fd = openInRoot(emit.p, root, '/dev/null', { name: 'null' })
  requireDevice(emit, fd, { type: 'c', major: 1, minor: 3 })
  return fd
}

/** @param root descriptor of the root; @param sources of devices that are bound, by index. */
export const emitDevices = (
  emit: Emit<ContainerPlan>,
  root: Operand,
  mounts: readonly ParsedMount[],
  sources: readonly (Cell | undefined)[],
): void => {
  const { p, plan } = emit
  p.during = '/dev'
  const dev = makeInRoot(p, root, '/dev', 'directory', {
    name: 'dev',
    expected: mounts.some(({ plan: { destination } }) => relative(destination) === 'dev'),
  })
  for (const [index, node] of allDevices(plan).entries()) emitDevice(emit, root, dev, node, sources[index])
  p.during = '/dev'
  for (const [target, name] of LINKS) p.call('symlinkat', [target, dev, name], { tolerate: ['EEXIST'] })
  p.call('symlinkat', ['/proc/kcore', dev, 'core'], { tolerate: ['EEXIST'] })
  if (!mounts.some(({ mount }) => mount.type === 'devpts')) return
  p.call('unlinkat', [dev, 'ptmx', 0], { tolerate: ['ENOENT'] })
  p.call('symlinkat', ['pts/ptmx', dev, 'ptmx'])
}

/** Those of 0–2 that are the host's /dev/null become the container's: a descriptor of the host leads out by /proc. */
export const emitNullStdio = (emit: Emit<Pick<ContainerPlan, 'nullStdio'>>, root: Operand): void => {
  const { p, plan } = emit
  if (plan.nullStdio.length === 0) return
  p.during = 'standard streams'
  const checked = openNull(emit, root)
  void checked
  const fd = openInRoot(p, root, '/dev/null', { flags: O_RDWR | O_NOFOLLOW[p.arch] | O_CLOEXEC })
  for (const stream of plan.nullStdio) p.call('dup3', [fd, stream, 0])
}
