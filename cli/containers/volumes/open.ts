/** Volumes for a run: made where they are missing, filled where they are new, mounted where their options say so. */
import { closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { inInitialUserNamespace } from '../../../runtime/container/idmap.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { MNT_DETACH } from '../../../runtime/sys/abi/mount.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { syscall, trySyscall } from '../../../runtime/sys/syscall.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import type { MountRequest } from '../request.ts'
import type { ImageRoot } from './copy-up.ts'
import { backingOf, type Backing } from './options.ts'
import { dataFolder, findVolume, lockedVolume, makeVolume, type VolumeDocument, volumeFolder, writeVolume } from './store.ts'
import { enterRun, leaveRun, mountedVolumes, runsWith } from './users.ts'

/** Folder of a volume's files. */
export type Volumes = (name: string) => string

/** proc_pid_fdinfo(5) */
const mountIdOf = (path: string): string | undefined => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
  } finally {
    closeSync(fd)
  }
}

export const isMounted = (home: Home, name: string): boolean => mountIdOf(dataFolder(home, name)) !== mountIdOf(volumeFolder(home, name))

const mountBacking = (home: Home, name: string, { type, device, flags, data }: Extract<Backing, { kind: 'mount' }>): void => {
  if (isMounted(home, name)) return
  if (!inInitialUserNamespace())
    throw new WherryError(
      'unsupported',
      `volume ${name}: only root of the machine can mount ${type} for several containers: use --mount type=tmpfs, or o=bind`,
    )
  const path = dataFolder(home, name)
  syscall('mount', [device, path, type, flags, data], { args: [`src=${device}`, `dst=${path}`, `type=${type}`], during: `volume ${name}` })
}

const unmount = (home: Home, name: string): void => {
  const path = dataFolder(home, name)
  const result = trySyscall('umount2', path, MNT_DETACH)
  if (result < 0 && result !== -ERRNO.EINVAL && result !== -ERRNO.ENOENT)
    throw new SyscallError('umount2', -result, { args: [path, 'MNT_DETACH'] })
}

const fill = async (home: Home, document: VolumeDocument, { noCopy, target }: MountRequest, root: ImageRoot | undefined): Promise<void> => {
  const empty = readdirSync(dataFolder(home, document.name)).length === 0
  if (empty && noCopy !== true && root !== undefined) await (await import('./copy-up.ts')).copyUp(home, document.name, root, target)
  writeVolume(home, { ...document, fresh: false })
}

const bindPath = (name: string, path: string): string => {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw new WherryError('failed-precondition', `volume ${name}: its device ${path} is no folder of this machine: make it`)
}

const openOne = (home: Home, config: ContainerConfig, mount: MountRequest, root: ImageRoot | undefined): Promise<string> => {
  const name = mount.source!
  return lockedVolume(home, name, async () => {
    const anonymous = config.anonymousVolumes.includes(name)
    const document = findVolume(home, name) ?? makeVolume(home, { name, labels: mount.volumeLabels ?? {}, options: {}, anonymous })
    const backing = backingOf(document.options)
    if (backing.kind === 'bind') return bindPath(name, backing.path)
    if (backing.kind === 'mount') {
      // written down before it is mounted
      enterRun(home, name, config.id)
      mountBacking(home, name, backing)
    } else if (document.fresh) await fill(home, document, mount, root)
    return dataFolder(home, name)
  })
}

/**
 * All volumes of the container. What is mounted for it is released by `releaseVolumes`, also after a failure.
 * @param root its root filesystem, whose content new volumes get
 */
export const openVolumes = async (home: Home, config: ContainerConfig, root: ImageRoot | undefined): Promise<Volumes> => {
  const folders = new Map<string, string>()
  for (const mount of config.request.mounts)
    if (mount.type === 'volume' && !folders.has(mount.source!)) folders.set(mount.source!, await openOne(home, config, mount, root))
  return (name) => {
    const folder = folders.get(name)
    if (folder === undefined) throw new WherryError('internal', `volume ${name} is none of container ${config.name}`)
    return folder
  }
}

/** What was mounted on the machine for this container's run, and for nobody else's. Idempotent. */
export const releaseVolumes = async (home: Home, id: string): Promise<void> => {
  for (const name of mountedVolumes(home)) {
    if (!runsWith(home, name).includes(id)) continue
    await lockedVolume(home, name, () => {
      leaveRun(home, name, id)
      if (runsWith(home, name).length === 0) unmount(home, name)
    })
  }
}
