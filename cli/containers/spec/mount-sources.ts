/** What is behind the mounts that a container wants: paths of the machine, volumes, images. Looked at now, and opened where strangers could change it. */
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { tryOpenInRoot } from '../../../image/apply/in-root.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import { followInRoot } from '../../../runtime/container/follow.ts'
import { mountOf } from '../../../runtime/container/mount-of.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { openRootfs, styleOf } from '../../../runtime/rootfs/open.ts'
import { foldersAt, mergedView } from '../../../runtime/rootfs/view.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { AT_EMPTY_PATH } from '../../../runtime/sys/abi/fcntl.ts'
import { AT_RECURSIVE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../../../runtime/sys/abi/mount.ts'
import { isErrno, SyscallError } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import type { MountRequest } from '../request.ts'
import type { MountSource } from './facts.ts'

export interface SourceOptions {
  /** Folder of a volume's files. */
  volume(name: string): string
  /** Folders of an image's layers, the lowest first. */
  image(name: string): readonly string[]
  /** Of the container's user namespace. */
  readonly mappings?: Mappings
  /** False: nothing will be started. What is missing and would be made is a mount whose descriptor is negative. */
  readonly make: boolean
  /** For programs that are needed for a moment. */
  readonly folder: string
}

const refusal = ({ source, target }: MountRequest, problem: string): WherryError =>
  new WherryError('invalid-argument', `mount ${source ?? ''} on ${target}: ${problem}`)

/** A detached copy of what `subpath` is below the folder `root`, links followed as seen from there: no link leads out of it. */
const openBelow = (mount: MountRequest, root: string, subpath: string): number => {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
  let fd: number
  try {
    fd = tryOpenInRoot(rootFd, subpath)
  } finally {
    closeSync(rootFd)
  }
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR)
    throw new WherryError('not-found', `mount ${mount.source} on ${mount.target}: it has no ${subpath}`)
  if (fd < 0) throw new SyscallError('openat2', -fd, { args: [subpath], during: `mount ${mount.source} on ${mount.target}` })
  try {
    return syscall('open_tree', [fd, '', AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE], {
      args: [`${root}/${subpath}`, 'OPEN_TREE_CLONE'],
    })
  } finally {
    closeSync(fd)
  }
}

/** proc_pid_mountinfo(5) writes space, tab, newline and backslash in octal. */
const decode = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** How the mount that a path is on is propagated: its optional fields. */
const propagationOf = (path: string): string => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ point: decode(line.split(' ')[4]!), fields: line.slice(0, line.indexOf(' - ')).split(' ').slice(6).join(' ') }))
    .filter(({ point }) => point === '/' || path === point || path.startsWith(`${point}/`))
  // of mounts over each other the last is seen
  const longest = Math.max(...mounts.map(({ point }) => point.length))
  return mounts.findLast(({ point }) => point.length === longest)?.fields ?? ''
}

const checkPropagation = (mount: MountRequest, path: string): void => {
  const { propagation } = mount
  if (propagation === undefined || propagation.endsWith('private')) return
  const found = propagationOf(path)
  const shared = found.includes('shared:')
  if (propagation.endsWith('shared') && !shared)
    throw refusal(mount, `it is not on a shared mount, so nothing would be passed on: mount --make-shared, or leave ${propagation} away`)
  if (propagation.endsWith('slave') && !shared && !found.includes('master:'))
    throw refusal(
      mount,
      `it is neither on a shared mount nor on a slave, so nothing would come: mount --make-shared, or leave ${propagation} away`,
    )
}

const NOWHERE: MountSource = { kind: 'mount', fd: -1 }

/** A source of -v that is missing is made, as in docker; one of --mount is a mistake. */
const hostSource = (mount: MountRequest, make: boolean): MountSource => {
  const path = mount.source!
  try {
    statSync(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT'))
      throw refusal(mount, `the source cannot be looked at: ${error instanceof Error ? error.message : String(error)}`)
    if (mount.createSource !== true)
      throw new WherryError(
        'not-found',
        `mount ${path} on ${mount.target}: the source does not exist: make it, or use --volume, which does`,
      )
    if (!make) return NOWHERE
    mkdirSync(path, { recursive: true })
  }
  checkPropagation(mount, path)
  return { kind: 'path', path }
}

const imageSource = async (mount: MountRequest, { image, mappings, folder }: SourceOptions): Promise<number> => {
  const all = image(mount.source!)
  const style = styleOf({ lowers: all })
  const below = mount.subpath === undefined ? undefined : followInRoot(mergedView({ lowers: all }, style), mount.subpath)
  const lowers = below === undefined ? all : foldersAt({ lowers: all }, below, style)
  if (lowers.length === 0)
    throw new WherryError('not-found', `mount ${mount.source} on ${mount.target}: the image has no folder ${mount.subpath}`)
  return openRootfs({ lowers, readonly: true, ...(mappings === undefined ? {} : { idmap: mappings }) }, { folder })
}

const sourceOf = async (mount: MountRequest, options: SourceOptions): Promise<MountSource> => {
  if (mount.type === 'image') return { kind: 'mount', fd: await imageSource(mount, options) }
  if (mount.type === 'bind') return hostSource(mount, options.make)
  const path = options.volume(mount.source!)
  if (!options.make && !existsSync(path)) return NOWHERE
  return mount.subpath === undefined ? { kind: 'path', path } : { kind: 'mount', fd: openBelow(mount, path, mount.subpath) }
}

const closeSources = (sources: Iterable<MountSource>): void => {
  for (const source of sources) if (source.kind === 'mount' && source.fd >= 0) closeSync(source.fd)
}

export interface OpenSources {
  /** By index. */
  readonly sources: ReadonlyMap<number, MountSource>
  readonly shm?: MountSource
  close(): void
}

/** @param peer first process of the container whose /dev/shm is shared. Throws WherryError, SyscallError; nothing stays open then. */
export const openSources = async (
  mounts: readonly MountRequest[],
  peer: number | undefined,
  options: SourceOptions,
): Promise<OpenSources> => {
  const sources = new Map<number, MountSource>()
  try {
    for (const [index, mount] of mounts.entries()) if (mount.type !== 'tmpfs') sources.set(index, await sourceOf(mount, options))
    const shm: MountSource | undefined =
      peer === undefined ? undefined : { kind: 'mount', fd: await mountOf(peer, '/dev/shm', options.folder) }
    return {
      sources,
      ...(shm === undefined ? {} : { shm }),
      close: () => closeSources([...sources.values(), ...(shm === undefined ? [] : [shm])]),
    }
  } catch (error) {
    closeSources(sources.values())
    throw error
  }
}
