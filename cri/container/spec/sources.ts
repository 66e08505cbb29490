/** What is behind the mounts of a config: paths of the machine, made where they are missing, and folders of images. */
import { closeSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { followInRoot } from '../../../runtime/container/follow.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import { openRootfs, styleOf } from '../../../runtime/rootfs/open.ts'
import { foldersAt, mergedView } from '../../../runtime/rootfs/view.ts'
import { relabel } from '../../../runtime/selinux/labels.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { type Mount, MountPropagation } from '../../api/api_pb.js'
import type { Images } from '../../images/types.ts'
import type { MountSource } from './facts.ts'

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

const checkPropagation = ({ propagation }: Mount, path: string, field: string): void => {
  if (propagation === MountPropagation.PROPAGATION_PRIVATE) return
  const found = propagationOf(path)
  const shared = found.includes('shared:')
  if (propagation === MountPropagation.PROPAGATION_BIDIRECTIONAL && !shared)
    throw new InvalidField(field, `path ${path} is not on a shared mount, so nothing would be passed on: mount --make-rshared it`)
  if (!shared && !found.includes('master:'))
    throw new InvalidField(
      field,
      `path ${path} is neither on a shared mount nor on a slave, so nothing would come: mount --make-rshared it`,
    )
}

/** A path that is missing becomes a folder, as kubelet's hostPath volumes without a type expect. */
const hostSource = (mount: Mount, index: number, mountLabel: string | undefined): MountSource => {
  const field = `config.mounts[${index}].host_path`
  let path: string
  try {
    path = realpathSync(mount.hostPath)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw error
    try {
      mkdirSync(mount.hostPath, { recursive: true, mode: 0o755 })
      path = realpathSync(mount.hostPath)
    } catch (failure) {
      throw new InvalidField(field, `cannot be made: ${failure instanceof Error ? failure.message : String(failure)}`)
    }
  }
  checkPropagation(mount, path, `config.mounts[${index}].propagation`)
  if (mount.selinuxRelabel && mountLabel !== undefined) relabel(path, mountLabel, 'private')
  return { kind: 'path', path }
}

export interface SourceOptions {
  readonly images: Pick<Images, 'use'>
  /** Of the lease on the image that mounts[index] is of. */
  readonly owner: (index: number) => string
  readonly mappings?: Mappings
  /** For programs that are needed for a moment. */
  readonly folder: string
  /** SELinux's, for those that want it; absent: there is none. */
  readonly mountLabel?: string
}

/** kubelet's word for what it tells people of. */
const FAILED = 'ImageVolumeMountFailed'

const imageSource = async (mount: Mount, index: number, { images, owner, mappings, folder }: SourceOptions): Promise<MountSource> => {
  const field = `config.mounts[${index}]`
  const name = mount.image!.image
  let all: readonly string[]
  try {
    all = (await images.use(name, owner(index))).lowers
  } catch (error) {
    if (!(error instanceof WherryError)) throw error
    throw new WherryError(error.kind, `${FAILED}: ${field}.image: ${error.message}`, { cause: error })
  }
  const style = styleOf({ lowers: all })
  const below = mount.imageSubPath === '' ? undefined : followInRoot(mergedView({ lowers: all }, style), mount.imageSubPath)
  const lowers = below === undefined ? all : foldersAt({ lowers: all }, below, style)
  if (lowers.length === 0)
    throw new InvalidField(`${field}.image_sub_path`, `${FAILED}: image ${name} has no folder ${JSON.stringify(mount.imageSubPath)}`)
  return {
    kind: 'mount',
    fd: await openRootfs({ lowers, readonly: true, ...(mappings === undefined ? {} : { idmap: mappings }) }, { folder }),
  }
}

export interface OpenSources {
  readonly sources: ReadonlyMap<number, MountSource>
  close(): void
}

/** Throws `invalid-argument` naming the field, `not-found` for an image; nothing stays open then. */
export const openSources = async (mounts: readonly Mount[], options: SourceOptions): Promise<OpenSources> => {
  const sources = new Map<number, MountSource>()
  const close = (): void => {
    for (const source of sources.values()) if (source.kind === 'mount') closeSync(source.fd)
    sources.clear()
  }
  try {
    for (const [index, mount] of mounts.entries())
      sources.set(
        index,
        mount.image === undefined ? hostSource(mount, index, options.mountLabel) : await imageSource(mount, index, options),
      )
    return { sources, close }
  } catch (error) {
    close()
    throw error
  }
}
