/** Calls on files and folders; open(2), openat2(2), stat(2) and their like. */
import * as fcntl from '../../sys/abi/fcntl.ts'
import { OPEN_HOW } from '../../sys/abi/fcntl.ts'
import * as stat from '../../sys/abi/stat.ts'
import { STATX } from '../../sys/abi/stat.ts'
import { TIMESPEC } from '../../sys/abi/time.ts'
import { combine, enumeration, flags, flagsText, pick } from './constants.ts'
import { fd, id, int, type Kind, long, octal, out, outOf, type Signature, scalar, size, uint } from './kind.ts'
import { array, arrayLayout, layout, struct } from './struct.ts'
import { data, string } from './text.ts'

const ACCESS = enumeration(pick(fcntl, /^O_(RDONLY|WRONLY|RDWR)$/))
const OPEN = pick(fcntl, /^O_(?!RDONLY|WRONLY|RDWR|ACCMODE)/)

/** The access mode comes first; O_RDONLY is left out beside O_PATH, which ignores it. */
export const openFlags: Kind = scalar((value, scope) => {
  const access = value & BigInt(fcntl.O_ACCMODE)
  const rest = value & ~BigInt(fcntl.O_ACCMODE)
  const path = (value & BigInt(fcntl.O_PATH)) !== 0n && access === 0n
  return combine(path ? '' : ACCESS(access, scope), flagsText(rest, OPEN, scope))
})

const TYPE = BigInt(stat.S_IFMT)
const TYPES = enumeration(pick(stat, /^S_IF(?!MT)/))

/** Type and permissions: `S_IFCHR|0666`. */
export const mode: Kind = scalar((value, scope) => {
  const type = value & TYPE
  if (type === 0n) return octal(value, scope)
  return [type === TYPE ? 'S_IFMT' : TYPES(type, scope), ...(value === type ? [] : [octal(value & ~TYPE, scope)])].join('|')
})

/** `makedev(1, 3)`, as the kernel's new_encode_dev packs it. */
const device: Kind = scalar((value) => {
  const major = (value >> 8n) & 0xfffn
  const minor = (value & 0xffn) | ((value >> 12n) & 0xfff00n)
  return value === 0n ? '0' : `makedev(${major}, ${minor})`
})

/** The two halves of a device number in struct statx, read as one word. */
const majorMinor: Kind = scalar((value) => `makedev(${value & 0xffff_ffffn}, ${value >> 32n})`)

const at = (...names: readonly string[]) => flags(pick(fcntl, new RegExp(`^AT_(${names.join('|')})$`)))
const atLink = at('SYMLINK_NOFOLLOW', 'EMPTY_PATH', 'NO_AUTOMOUNT')

const openHow = struct(
  layout([
    ['flags', OPEN_HOW.flags, 8, openFlags, 'always'],
    ['mode', OPEN_HOW.mode, 8, octal],
    ['resolve', OPEN_HOW.resolve, 8, flags(pick(fcntl, /^RESOLVE_/))],
  ]),
)

const statxFields = outOf(
  layout([
    ['stx_mask', STATX.stx_mask, 4, flags(pick(stat, /^STATX_(?!ATTR)/))],
    ['stx_attributes', STATX.stx_attributes, 8, flags(pick(stat, /^STATX_ATTR_/))],
    ['stx_nlink', STATX.stx_nlink, 4, uint],
    ['stx_uid', STATX.stx_uid, 4, id],
    ['stx_gid', STATX.stx_gid, 4, id],
    ['stx_mode', STATX.stx_mode, 2, mode],
    ['stx_ino', STATX.stx_ino, 8, size],
    ['stx_size', STATX.stx_size, 8, size],
    ['stx_blocks', STATX.stx_blocks, 8, size],
    ['stx_attributes_mask', STATX.stx_attributes_mask, 8, flags(pick(stat, /^STATX_ATTR_/))],
    ['stx_rdev_major', STATX.stx_rdev_major, 4, uint],
    ['stx_rdev', STATX.stx_rdev_major, 8, majorMinor],
    ['stx_rdev_minor', STATX.stx_rdev_minor, 4, uint],
    ['stx_dev_major', STATX.stx_dev_major, 4, uint],
    ['stx_dev', STATX.stx_dev_major, 8, majorMinor],
    ['stx_dev_minor', STATX.stx_dev_minor, 4, uint],
    ['stx_mnt_id', STATX.stx_mnt_id, 8, size],
  ]),
)

/** struct statfs of 64-bit architectures: f_type, f_bsize, then counts. */
const statfsFields = outOf(
  layout([
    ['f_type', 0, 8, scalar((value) => `0x${value.toString(16)}`)],
    ['f_bsize', 8, 8, size],
  ]),
)

const timestamps = array(
  arrayLayout(
    [
      ['tv_sec', TIMESPEC.tv_sec, 8, long, 'always'],
      ['tv_nsec', TIMESPEC.tv_nsec, 8, long],
    ],
    TIMESPEC.size,
  ),
  { of: 2 },
)

export const FILES = {
  openat: { dirfd: fd, pathname: string, flags: openFlags, 'mode?': octal },
  openat2: { dirfd: fd, pathname: string, how: openHow, size },
  mkdirat: { dirfd: fd, pathname: string, mode: octal },
  mknodat: { dirfd: fd, pathname: string, mode, dev: device },
  symlinkat: { target: string, newdirfd: fd, linkpath: string },
  linkat: { olddirfd: fd, oldpath: string, newdirfd: fd, newpath: string, flags: at('SYMLINK_FOLLOW', 'EMPTY_PATH') },
  unlinkat: { dirfd: fd, pathname: string, flags: at('REMOVEDIR') },
  renameat: { olddirfd: fd, oldpath: string, newdirfd: fd, newpath: string },
  renameat2: { olddirfd: fd, oldpath: string, newdirfd: fd, newpath: string, flags: flags(pick(fcntl, /^RENAME_/)) },
  readlinkat: { dirfd: fd, pathname: string, buf: out, bufsiz: size },
  newfstatat: { dirfd: fd, pathname: string, statbuf: out, flags: atLink },
  fstat: { fd, statbuf: out },
  statx: {
    dirfd: fd,
    pathname: string,
    flags: flags(pick(fcntl, /^AT_(SYMLINK_NOFOLLOW|EMPTY_PATH|NO_AUTOMOUNT|STATX_)/)),
    mask: flags(pick(stat, /^STATX_(?!ATTR)/)),
    statxbuf: statxFields,
  },
  statfs: { path: string, buf: statfsFields },
  fstatfs: { fd, buf: statfsFields },
  faccessat: { dirfd: fd, pathname: string, mode: flags(pick(fcntl, /^[RWX]_OK$/)) },
  faccessat2: {
    dirfd: fd,
    pathname: string,
    mode: flags(pick(fcntl, /^[RWX]_OK$/)),
    flags: at('EACCESS', 'SYMLINK_NOFOLLOW', 'EMPTY_PATH'),
  },
  fchmod: { fd, mode: octal },
  fchmodat: { dirfd: fd, pathname: string, mode: octal },
  fchmodat2: { dirfd: fd, pathname: string, mode: octal, flags: atLink },
  fchown: { fd, owner: id, group: id },
  fchownat: { dirfd: fd, pathname: string, owner: id, group: id, flags: atLink },
  utimensat: { dirfd: fd, pathname: string, times: timestamps, flags: atLink },
  truncate: { path: string, length: long },
  ftruncate: { fd, length: long },
  fallocate: { fd, mode: uint, offset: long, len: long },
  setxattr: { path: string, name: string, value: data(3), size, flags: int },
  lsetxattr: { path: string, name: string, value: data(3), size, flags: int },
  fsetxattr: { fd, name: string, value: data(3), size, flags: int },
  fgetxattr: { fd, name: string, value: out, size },
  fremovexattr: { fd, name: string },
  getcwd: { buf: out, size },
  chdir: { path: string },
  fchdir: { fd },
  chroot: { path: string },
  umask: { mask: octal },
} as const satisfies Readonly<Record<string, Signature>>
