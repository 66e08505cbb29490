/**
 * The files of a container. Of one that runs they are seen through its init, with all that is mounted there; it may change them meanwhile. One that
 * does not run is kept from being started for as long: its root file system is mounted for us alone, and volumes and bind mounts are put in
 * their places by whoever walks there (`enter`).
 */
import { closeSync, constants, openSync } from 'node:fs'
import { mappingsOf } from '../../../runtime/container/idmap.ts'
import { isAlive } from '../../../runtime/container/process-id.ts'
import { Store } from '../../../runtime/container/store.ts'
import { mountAttr } from '../../../runtime/rootfs/direct.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { AT_EMPTY_PATH, O_CLOEXEC, O_PATH } from '../../../runtime/sys/abi/fcntl.ts'
import { AT_RECURSIVE } from '../../../runtime/sys/abi/fcntl.ts'
import { MOUNT_ATTR_RDONLY, MOUNT_ATTR_SIZE_VER0, MS_PRIVATE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../../../runtime/sys/abi/mount.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import type { Home } from '../home.ts'
import { lock, unlock } from '../lock.ts'
import type { MountRequest } from '../request.ts'
import { openRoot } from '../rootfs.ts'
import { settle } from '../settle.ts'
import { isUp, statusOf } from '../status.ts'
import { type Container, findContainer } from '../store.ts'
import { openVolumes, releaseVolumes, type Volumes } from '../volumes/open.ts'
import { duplicate, statOf } from './at.ts'
import { mappedIds, SAME } from './ids.ts'
import { Placer } from './place.ts'
import { type Found, resolve } from './resolve.ts'
import { throughLinks } from './rules.ts'
import type { Tree } from './tree.ts'

export interface ContainerTree extends Tree {
  close(): Promise<void>
  readonly container: Container
  /** Pid of init while it runs. */
  readonly init?: number
}

const gone = ({ config }: Container): WherryError =>
  new WherryError('failed-precondition', `container ${config.name} has just ended: try again`)

/** procfs shows the root of the process that has the pid now: that it is still init is looked at afterwards. */
const runningTree = (home: Home, container: Container): ContainerTree => {
  const init = new Store(home.engine.root).tryRead(container.id)?.init
  if (init === undefined) throw gone(container)
  let root: number
  try {
    root = openSync(`/proc/${init.pid}/root`, O_PATH | O_CLOEXEC | constants.O_DIRECTORY)
  } catch (error) {
    throw isErrno(error, 'ENOENT', 'ESRCH') ? gone(container) : error
  }
  try {
    const ids = mappedIds(mappingsOf(init.pid))
    if (!isAlive(init)) throw gone(container)
    return {
      ...{ name: `${container.config.name}:`, root, ids, container, init: init.pid },
      // the kernel knows what may be written to
      readonly: false,
      enter: (fd) => fd,
      close: async () => closeSync(root),
    }
  } catch (error) {
    closeSync(root)
    throw isErrno(error, 'ENOENT', 'ESRCH') ? gone(container) : error
  }
}

/** A mount of its own of what is to be mounted, so that it can be read-only. */
const cloned = (fd: number, readonly: boolean): number => {
  const tree = syscall('open_tree', [fd, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE], {
    args: ['OPEN_TREE_CLONE'],
  })
  if (!readonly) return tree
  try {
    const attributes = mountAttr(MOUNT_ATTR_RDONLY, MS_PRIVATE)
    syscall('mount_setattr', [tree, '', AT_EMPTY_PATH | AT_RECURSIVE, attributes, MOUNT_ATTR_SIZE_VER0], { args: ['MOUNT_ATTR_RDONLY'] })
    return tree
  } catch (error) {
    closeSync(tree)
    throw error
  }
}

/** What is to be seen at the mount’s target; undefined where nothing is before it starts. */
const openMount = (mount: MountRequest, volumes: Volumes): number | undefined => {
  const { type, source, subpath } = mount
  if (source === undefined || (type !== 'bind' && type !== 'volume')) return undefined
  let fd: number
  try {
    fd = openSync(type === 'bind' ? source : volumes(source), O_PATH | O_CLOEXEC)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  if (subpath === undefined) return fd
  try {
    const found = resolve({ name: `${source}:`, root: fd, enter: (at) => at, ids: SAME, readonly: false }, subpath, { follow: true })
    try {
      return found.fd === undefined ? undefined : duplicate(found.fd)
    } finally {
      found.close()
    }
  } finally {
    closeSync(fd)
  }
}

const keyOf = (fd: number): string => {
  const { dev, ino } = statOf(fd)
  return `${dev} ${ino}`
}

/** The place that something is mounted on, made where it is missing, as a start does. */
const mountPoint = (tree: Tree, target: string, isFolder: boolean): Found | undefined => {
  const path = target.replace(/^\/+|\/+$/g, '')
  const look = (): Found | undefined => {
    try {
      const found = resolve(tree, target, { follow: true })
      if (found.fd !== undefined) return found
      found.close()
    } catch (error) {
      if (!(error instanceof WherryError) || error.kind !== 'not-found') throw error
    }
    return undefined
  }
  const there = look()
  if (there !== undefined) return there
  const through = throughLinks(tree, '')
  const placer = new Placer({ ...tree, readonly: false }, tree.root, {
    ...{ owner: { uid: 0, gid: 0 }, exact: false, overwrite: false, devices: false, through, onSkip: () => {} },
  })
  try {
    const mtime = BigInt(Date.now()) * 1_000_000n
    const item = { path, mode: isFolder ? 0o755 : 0o644, uid: 0, gid: 0, mtime, size: 0, xattrs: new Map() }
    placer.take({ ...item, type: isFolder ? 'directory' : 'file' })?.close()
    placer.end()
  } finally {
    placer.close()
  }
  return look()
}

/** Those of volumes and folders of the machine; what else is mounted into a container is empty before it starts. */
const openMounts = ({ config }: Container, volumes: Volumes, tree: Tree, mounts: Map<string, number>): void => {
  // outer ones first: inner ones lie in them
  const wanted = config.request.mounts.toSorted((a, b) => a.target.length - b.target.length)
  for (const mount of wanted) {
    const opened = openMount(mount, volumes)
    if (opened === undefined) continue
    try {
      const found = mountPoint(tree, mount.target, statOf(opened).isDirectory())
      try {
        if (found?.fd !== undefined) mounts.set(keyOf(found.fd), cloned(opened, mount.readonly))
      } finally {
        found?.close()
      }
    } finally {
      closeSync(opened)
    }
  }
}

const stoppedTree = async (home: Home, container: Container): Promise<ContainerTree> => {
  const { id, config } = container
  const root = await openRoot(home, config, undefined)
  const mounts = new Map<string, number>()
  const tree: ContainerTree = {
    ...{ name: `${config.name}:`, root: root.fd, ids: SAME, container, readonly: config.request.readonly },
    enter(fd) {
      const mounted = mounts.size === 0 ? undefined : mounts.get(keyOf(fd))
      if (mounted === undefined) return fd
      closeSync(fd)
      return duplicate(mounted)
    },
    async close() {
      for (const mounted of mounts.values()) closeSync(mounted)
      root.close()
      await releaseVolumes(home, id)
    },
  }
  try {
    openMounts(container, await openVolumes(home, config, { fd: root.fd }), tree, mounts)
    return tree
  } catch (error) {
    await tree.close()
    throw error
  }
}

/** Throws `not-found`, `invalid-argument` (ambiguous), `failed-precondition`. Close it soon: one that does not run cannot be started until then. */
export const openContainerTree = async (home: Home, text: string, signal?: AbortSignal): Promise<ContainerTree> => {
  const { id } = findContainer(home, text)
  const held = await lock(home, id, signal)
  let kept = false
  try {
    const container = await settle(home, id)
    if (container === undefined) throw new WherryError('not-found', `container ${text} has just been removed`)
    if (isUp(await statusOf(home, container))) return runningTree(home, container)
    const tree = await stoppedTree(home, container)
    kept = true
    return {
      ...tree,
      async close() {
        try {
          await tree.close()
        } finally {
          unlock(held)
        }
      },
    }
  } finally {
    if (!kept) unlock(held)
  }
}
