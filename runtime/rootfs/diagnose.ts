/** Why a mount failed: the kernel says EINVAL to most things. Looked for once it has failed, and said with what to do. */
import { lstatSync, statfsSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { SyscallError } from '../sys/error.ts'
import { closeSync } from 'node:fs'
import { lowerName, openFolder } from './folders.ts'
import type { RootfsDescription } from './types.ts'

/** Magic numbers of statfs(2), linux/magic.h. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  [0xef53]: 'ext4',
  [0x58465342]: 'xfs',
  [0x9123683e]: 'btrfs',
  [0x01021994]: 'tmpfs',
  [0xf2f52010]: 'f2fs',
  [0x2fc12fc1]: 'zfs',
  [0x794c7630]: 'overlay',
  [0x6969]: 'nfs',
  [0xff534d42]: 'cifs',
  [0xfe534d42]: 'smb2',
  [0x65735546]: 'fuse',
  [0x01021997]: '9p',
  [0x00c36400]: 'ceph',
  [0x4d44]: 'vfat',
  [0x2011bab0]: 'exfat',
  [0x5346544e]: 'ntfs',
  [0x7366746e]: 'ntfs3',
  [0x858458f6]: 'ramfs',
  [0xe0f5e1e2]: 'erofs',
  [0x73717368]: 'squashfs',
  [0x9660]: 'iso9660',
}

/** The name of the file system that `path` lies on. */
export const fileSystemOf = (path: string): string => {
  const { type } = statfsSync(path)
  return FILE_SYSTEMS[type] ?? `of type 0x${type.toString(16)}`
}

/** File systems that overlay can write to only badly or not at all; why. */
const UNFIT: Readonly<Record<string, string>> = {
  overlay: 'an overlay cannot keep the changes of another',
  nfs: 'it is remote and has no whiteouts',
  cifs: 'it is remote and has no whiteouts',
  smb2: 'it is remote and has no whiteouts',
  '9p': 'it is remote and has no whiteouts',
  ceph: 'it is remote',
  vfat: 'it has no owners, links or attributes',
  exfat: 'it has no owners, links or attributes',
  ntfs: 'it has no attributes',
  ntfs3: 'it has no attributes overlay can use',
  fuse: 'it is remote to the kernel',
  squashfs: 'it is read-only',
  erofs: 'it is read-only',
  iso9660: 'it is read-only',
}

const CURE = 'put the store on ext4, xfs, btrfs or tmpfs'

const unfit = (path: string): WherryError | undefined => {
  const name = fileSystemOf(path)
  const why = UNFIT[name]
  return why === undefined
    ? undefined
    : new WherryError('unsupported', `the file system of upper folder ${path} is ${name}, which overlay cannot write to: ${why} (${CURE})`)
}

/** The first folder that cannot be opened, or nothing. */
const missing = ({ lowers, upper, work }: RootfsDescription): Error | undefined => {
  const folders = [
    ...lowers.map((path, index) => ({ path, what: lowerName(index, lowers.length) })),
    ...(upper === undefined ? [] : [{ path: upper, what: 'upper folder' }]),
    ...(work === undefined ? [] : [{ path: work, what: 'work folder' }]),
  ]
  for (const { path, what } of folders)
    try {
      closeSync(openFolder(path, what))
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  return undefined
}

const otherFileSystem = ({ upper, work }: RootfsDescription): WherryError | undefined => {
  if (upper === undefined || work === undefined || lstatSync(upper).dev === lstatSync(work).dev) return undefined
  return new WherryError('failed-precondition', `${upper} and ${work} lie on different file systems: overlay needs both on one`)
}

const nested = ({ lowers, upper }: RootfsDescription): WherryError | undefined => {
  const below = (path: string, other: string) => path === other || path.startsWith(`${other}/`)
  const at = upper === undefined ? undefined : lowers.find((lower) => below(upper, lower) || below(lower, upper))
  return at === undefined ? undefined : new WherryError('invalid-argument', `layer ${at} and upper folder ${upper} lie one in the other`)
}

const hintOf = ({ syscall, code, args }: SyscallError, { idmap, style }: RootfsDescription): string | undefined => {
  if (syscall === 'dup3' && code === 'EBADF') return 'more layers than this process may have files open: raise RLIMIT_NOFILE (ulimit -n)'
  if (syscall === 'mount_setattr' && args.some((arg) => arg.includes('IDMAP')))
    return 'the file system of the layers has no idmapped mounts on this kernel, or this user may not make them: run without a user namespace of the container’s own'
  if (code === 'ENODEV') return 'the kernel has no overlay: modprobe overlay'
  if (code === 'EPERM' && style === 'user') return 'overlay in a user namespace needs Linux 5.11'
  if (code === 'EINVAL' && idmap !== undefined) return 'overlay on idmapped layers needs Linux 5.19'
  return undefined
}

/** What to throw for what was thrown. */
export const diagnosed = (error: unknown, description: RootfsDescription): unknown => {
  if (!(error instanceof SyscallError)) return error
  const found =
    missing(description) ??
    (description.upper === undefined ? undefined : unfit(description.upper)) ??
    otherFileSystem(description) ??
    nested(description)
  if (found !== undefined) {
    found.cause ??= error
    return found
  }
  const hint = error.hint ?? hintOf(error, description)
  return new SyscallError(error.syscall, error.errno, {
    during: `root filesystem of ${description.lowers.length} layers`,
    args: error.args,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  })
}

/** Overlay mounts what it cannot write to read-only, with a word in the kernel's log alone. */
export const notWritable = (upper: string): WherryError =>
  unfit(upper) ??
  new WherryError(
    'unsupported',
    `overlay can only read from upper folder ${upper}, on ${fileSystemOf(upper)}: the file system is mounted read-only, is full, or cannot make the work folder, whiteouts or types of directory entries (d_type); ${CURE}`,
  )
