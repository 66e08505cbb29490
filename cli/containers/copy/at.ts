/** One name in a folder that is open, never a path: what a container does to folders meanwhile leads nowhere. openat(2), xattr(7). */
import { type BigIntStats, chmodSync, closeSync, constants, fstatSync, openSync, readdirSync, statfsSync } from 'node:fs'
import { decodeBytes, encodeBytes, shown } from '../../../image/layer/bytes.ts'
import * as calls from '../../../image/layer/unpack/calls.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { AT_EMPTY_PATH, F_DUPFD_CLOEXEC, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../../../runtime/sys/abi/fcntl.ts'
import { STATX, STATX_MNT_ID } from '../../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { ARCH, syscall, trySyscall } from '../../../runtime/sys/syscall.ts'

const cname = (name: string): Uint8Array => Buffer.concat([encodeBytes(name), Buffer.alloc(1)])

/** An O_PATH descriptor of whatever has this name, a symbolic link itself included; or the negative errno. */
export const openName = (folder: number, name: string): number =>
  trySyscall('openat', folder, cname(name), O_PATH | O_NOFOLLOW[ARCH] | O_CLOEXEC, 0)

export const duplicate = (fd: number): number => syscall('fcntl', [fd, F_DUPFD_CLOEXEC, 3])

export const statOf = (fd: number): BigIntStats => fstatSync(fd, { bigint: true })

/** The folder that an O_PATH descriptor stands for, to be read. */
export const openFolder = (fd: number, path: string): number => {
  const folder = trySyscall('openat', fd, '.', O_RDONLY | O_DIRECTORY[ARCH] | O_CLOEXEC, 0)
  if (folder < 0) throw new SyscallError('openat', -folder, { args: [shown(path)] })
  return folder
}

/** The regular file that an O_PATH descriptor stands for: by procfs, since there is no name that could be trusted. */
export const openFile = (fd: number, flags: number = constants.O_RDONLY): number =>
  openSync(`/proc/self/fd/${fd}`, flags | constants.O_NONBLOCK)

/** Of the mount that it is seen through, statx(2). */
export const mountOf = (fd: number): bigint => {
  const stat = Buffer.alloc(STATX.size)
  syscall('statx', [fd, '', AT_EMPTY_PATH, STATX_MNT_ID, stat], { args: ['STATX_MNT_ID'] })
  return stat.readBigUInt64LE(STATX.stx_mnt_id)
}

/** Of an O_PATH descriptor, which fchmod(2) does not take. */
export const changeMode = (fd: number, mode: number): void => chmodSync(`/proc/self/fd/${fd}`, mode)

/** 0 or the negative errno. */
export const renameWithin = (folder: number, from: string, to: string): number =>
  trySyscall('renameat2', folder, cname(from), folder, cname(to), 0)

/** In the order of their bytes. */
export const namesIn = (folder: number): string[] =>
  readdirSync(`/proc/self/fd/${folder}`, { encoding: 'buffer' }).sort(Buffer.compare).map(decodeBytes)

/** linux/magic.h: file systems whose files are questions to the kernel, or other processes’ terminals. */
const PSEUDO = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x73636673, 0x64626720, 0x74726163, 0xcafe4a11, 0x6e736673,
])

/** Nothing of these is copied: reading there can act, and writing there does. */
export const isPseudo = (fd: number): boolean => PSEUDO.has(statfsSync(`/proc/self/fd/${fd}`).type)

/** Removes what has this name, with all that is in it; links are not followed. */
export const removeName = (folder: number, name: string): void => {
  const result = calls.remove(folder, name)
  if (result === 0 || result === -ERRNO.ENOENT) return
  if (result !== -ERRNO.EISDIR) throw new SyscallError('unlinkat', -result, { args: [shown(name)] })
  const fd = calls.openFolder(folder, name)
  if (fd < 0) throw new SyscallError('openat', -fd, { args: [shown(name)] })
  try {
    for (const below of namesIn(fd)) removeName(fd, below)
  } finally {
    closeSync(fd)
  }
  const removed = calls.remove(folder, name, true)
  if (removed < 0 && removed !== -ERRNO.ENOENT) throw new SyscallError('unlinkat', -removed, { args: [shown(name)] })
}
