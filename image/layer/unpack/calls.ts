/** The system calls of unpacking, on a descriptor of a folder and one name, made lean: a layer takes half a million of them. */
import * as fcntl from '../../../runtime/sys/abi/fcntl.ts'
import { STATX, STATX_BASIC_STATS } from '../../../runtime/sys/abi/stat.ts'
import type { SyscallName } from '../../../runtime/sys/abi/syscalls.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { addressOf, numberOf, rawCall } from '../../../runtime/sys/raw.ts'
import { ARCH } from '../../../runtime/sys/syscall.ts'
import { decodeBytes, encodeBytes, shown } from '../bytes.ts'

const EINTR = 4

/** Two names may be wanted at once, of PATH_MAX bytes each. */
const NAME_ROOM = 8192
const names = Buffer.allocUnsafeSlow(2 * NAME_ROOM)
const namesAt = addressOf(names)

const place = (text: string, offset: number): number => {
  let end: number
  if (text.isWellFormed()) end = offset + names.write(text, offset, NAME_ROOM - 1)
  else end = offset + encodeBytes(text).copy(names, offset, 0, NAME_ROOM - 1)
  names[end] = 0
  return namesAt + offset
}

const first = (text: string): number => place(text, 0)
const second = (text: string): number => place(text, NAME_ROOM)

const fail = (name: SyscallName, result: number, about: string): never => {
  throw new SyscallError(name, -result, { args: [about] })
}

const checked = (name: SyscallName, result: number, about: string): number => (result < 0 ? fail(name, result, shown(about)) : result)

const NR = {
  openat: numberOf('openat'),
  openat2: numberOf('openat2'),
  close: numberOf('close'),
  pwrite64: numberOf('pwrite64'),
  write: numberOf('write'),
  ftruncate: numberOf('ftruncate'),
  fchown: numberOf('fchown'),
  fchownat: numberOf('fchownat'),
  fchmod: numberOf('fchmod'),
  fchmodat: numberOf('fchmodat'),
  utimensat: numberOf('utimensat'),
  mkdirat: numberOf('mkdirat'),
  mknodat: numberOf('mknodat'),
  symlinkat: numberOf('symlinkat'),
  linkat: numberOf('linkat'),
  unlinkat: numberOf('unlinkat'),
  renameat: numberOf('renameat'),
  readlinkat: numberOf('readlinkat'),
  statx: numberOf('statx'),
  fsetxattr: numberOf('fsetxattr'),
  lsetxattr: numberOf('lsetxattr'),
  fremovexattr: numberOf('fremovexattr'),
  flistxattr: numberOf('flistxattr'),
  fgetxattr: numberOf('fgetxattr'),
  sync_file_range: numberOf('sync_file_range'),
} as const

const { O_CLOEXEC, O_CREAT, O_EXCL, O_PATH, O_RDONLY, O_WRONLY, AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW } = fcntl
const O_DIRECTORY = fcntl.O_DIRECTORY[ARCH]
const O_NOFOLLOW = fcntl.O_NOFOLLOW[ARCH]

/** A new file to write to, or the negative errno. */
export const createFile = (folder: number, name: string, mode: number): number =>
  rawCall(NR.openat, folder, first(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)

/** A folder that is there, not through a symlink, or the negative errno. */
export const openFolder = (folder: number, name: string): number =>
  rawCall(NR.openat, folder, first(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

const how = new BigUint64Array(3)
const howAt = addressOf(new Uint8Array(how.buffer))

/** openat2(2) of a path of several names beneath `root`, through no symlink at all, or the negative errno. EAGAIN: something was renamed meanwhile. */
const openStraight = (root: number, path: string, flags: number): number => {
  how[0] = BigInt(flags | O_CLOEXEC)
  how[1] = 0n
  how[2] = BigInt(fcntl.RESOLVE_BENEATH | fcntl.RESOLVE_NO_SYMLINKS | fcntl.RESOLVE_NO_MAGICLINKS | fcntl.RESOLVE_NO_XDEV)
  return rawCall(NR.openat2, root, first(path), howAt, fcntl.OPEN_HOW.size)
}

export const openFolderStraight = (root: number, path: string): number => openStraight(root, path, O_RDONLY | O_DIRECTORY)

/** To know what it is; a symlink at the end is opened itself. */
export const openPathStraight = (root: number, path: string): number => openStraight(root, path, O_PATH | O_NOFOLLOW)

export const openFileStraight = (root: number, path: string): number => openStraight(root, path, O_RDONLY | O_NOFOLLOW)

export const close = (fd: number): void => {
  rawCall(NR.close, fd)
}

/** All of `bytes`, at `offset` of the file. */
export const writeAll = (fd: number, bytes: Uint8Array, offset: number, about: string): void => {
  const address = addressOf(bytes)
  for (let done = 0; done < bytes.length; ) {
    const result = rawCall(NR.pwrite64, fd, address + done, bytes.length - done, offset + done)
    if (result === -EINTR) continue
    if (result <= 0) fail('pwrite64', result, shown(about))
    done += result
  }
}

export const truncate = (fd: number, size: number, about: string): number => checked('ftruncate', rawCall(NR.ftruncate, fd, size), about)

export const changeOwner = (fd: number, uid: number, gid: number, about: string): number =>
  checked('fchown', rawCall(NR.fchown, fd, uid, gid), about)

export const changeOwnerAt = (folder: number, name: string, uid: number, gid: number): number =>
  checked('fchownat', rawCall(NR.fchownat, folder, first(name), uid, gid, AT_SYMLINK_NOFOLLOW), name)

export const changeMode = (fd: number, mode: number, about: string): number => checked('fchmod', rawCall(NR.fchmod, fd, mode), about)

/** Of what was just made and is no symlink: fchmodat(2) follows them. */
export const changeModeAt = (folder: number, name: string, mode: number): number =>
  checked('fchmodat', rawCall(NR.fchmodat, folder, first(name), mode), name)

/** Access and modification time, both the same: seconds and nanoseconds each. */
const times = new BigInt64Array(4)
const timesAt = addressOf(new Uint8Array(times.buffer))
const BILLION = 1_000_000_000n

const setTimes = (mtime: bigint): void => {
  const rest = mtime % BILLION
  const nanoseconds = rest < 0n ? rest + BILLION : rest
  times[0] = times[2] = (mtime - nanoseconds) / BILLION
  times[1] = times[3] = nanoseconds
}

export const changeTimes = (fd: number, mtime: bigint, about: string): number => {
  setTimes(mtime)
  return checked('utimensat', rawCall(NR.utimensat, fd, 0, timesAt, 0), about)
}

export const changeTimesAt = (folder: number, name: string, mtime: bigint): number => {
  setTimes(mtime)
  return checked('utimensat', rawCall(NR.utimensat, folder, first(name), timesAt, AT_SYMLINK_NOFOLLOW), name)
}

/** 0 or the negative errno. */
export const makeFolder = (folder: number, name: string, mode: number): number => rawCall(NR.mkdirat, folder, first(name), mode)

/** 0 or the negative errno; `mode` with the type. */
export const makeNode = (folder: number, name: string, mode: number, major = 0, minor = 0): number =>
  rawCall(NR.mknodat, folder, first(name), mode, (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12))

/** 0 or the negative errno. */
export const makeSymlink = (target: string, folder: number, name: string): number =>
  rawCall(NR.symlinkat, first(target), folder, second(name))

/** 0 or the negative errno. */
export const makeLink = (fromFolder: number, from: string, toFolder: number, to: string): number =>
  rawCall(NR.linkat, fromFolder, first(from), toFolder, second(to), 0)

/** 0 or the negative errno. */
export const remove = (folder: number, name: string, isFolder = false): number =>
  rawCall(NR.unlinkat, folder, first(name), isFolder ? AT_REMOVEDIR : 0)

export const rename = (fromFolder: number, from: string, toFolder: number, to: string): number =>
  checked('renameat', rawCall(NR.renameat, fromFolder, first(from), toFolder, second(to)), from)

/** What a symlink that `openPathStraight` has opened says. */
export const readLink = (fd: number): Buffer => {
  const target = Buffer.alloc(4096)
  const length = checked('readlinkat', rawCall(NR.readlinkat, fd, first(''), addressOf(target), target.length), 'a symlink')
  return target.subarray(0, length)
}

export interface Stat {
  /** Type and permissions. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly ino: bigint
  readonly size: number
  readonly mtime: bigint
  readonly major: number
  readonly minor: number
}

const statBytes = new Uint8Array(STATX.size)
const statAt = addressOf(statBytes)
const stat = new DataView(statBytes.buffer)

const readStat = (): Stat => ({
  mode: stat.getUint16(STATX.stx_mode, true),
  uid: stat.getUint32(STATX.stx_uid, true),
  gid: stat.getUint32(STATX.stx_gid, true),
  ino: stat.getBigUint64(STATX.stx_ino, true),
  size: Number(stat.getBigUint64(STATX.stx_size, true)),
  mtime: stat.getBigInt64(STATX.stx_mtime, true) * BILLION + BigInt(stat.getUint32(STATX.stx_mtime + 8, true)),
  major: stat.getUint32(STATX.stx_rdev_major, true),
  minor: stat.getUint32(STATX.stx_rdev_minor, true),
})

/** Of a descriptor, also one of O_PATH. */
export const statOf = (fd: number, about: string): Stat => {
  checked('statx', rawCall(NR.statx, fd, first(''), AT_EMPTY_PATH, STATX_BASIC_STATS, statAt), about)
  return readStat()
}

/** Undefined: there is no such thing. */
export const statAtName = (folder: number, name: string): Stat | undefined => {
  const result = rawCall(NR.statx, folder, first(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statAt)
  if (result === -2) return undefined
  checked('statx', result, name)
  return readStat()
}

/** 0 or the negative errno. */
export const setXattr = (fd: number, name: string, value: Uint8Array): number =>
  rawCall(NR.fsetxattr, fd, first(name), value.length === 0 ? 0 : addressOf(value), value.length, 0)

/** The same for what cannot be opened: symlinks and devices. procfs’ link leads to the folder itself, and the last name is not followed. */
export const setXattrAt = (folder: number, file: string, name: string, value: Uint8Array): number =>
  rawCall(NR.lsetxattr, second(`/proc/self/fd/${folder}/${file}`), first(name), value.length === 0 ? 0 : addressOf(value), value.length, 0)

/** 0 or the negative errno. */
export const removeXattr = (fd: number, name: string): number => rawCall(NR.fremovexattr, fd, first(name))

/** A name in an open folder as node:fs takes it. The last name is not looked at by anything but what gets the path. */
export const procPath = (folder: number, name: string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), encodeBytes(name)])

/** What xattr(7) allows a list, or a value, to be. */
const XATTR_MAX = 65536

export const listXattrs = (fd: number, about: string): string[] => {
  const list = Buffer.allocUnsafeSlow(XATTR_MAX)
  const result = rawCall(NR.flistxattr, fd, addressOf(list), list.length)
  if (result === -95) return []
  const length = checked('flistxattr', result, about)
  return length === 0 ? [] : decodeBytes(list.subarray(0, length - 1)).split('\0')
}

export const getXattr = (fd: number, name: string, about: string): Buffer => {
  const value = Buffer.allocUnsafeSlow(XATTR_MAX)
  const length = checked('fgetxattr', rawCall(NR.fgetxattr, fd, first(name), addressOf(value), value.length), about)
  return Buffer.from(value.subarray(0, length))
}

const SYNC_FILE_RANGE_WRITE = 2

/** Tells the kernel to begin with writing to disk, all or from `offset` on; nothing depends on it. */
export const beginWriting = (fd: number, offset = 0, length = 0): void => {
  rawCall(NR.sync_file_range, fd, offset, length, SYNC_FILE_RANGE_WRITE)
}
