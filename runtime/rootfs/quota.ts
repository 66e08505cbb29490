/**
 * A limit of what an upper folder takes: a project quota of its file system. The folder's project id is derived from its inode,
 * which is unique as long as the folder is there; nothing need be remembered. Only root of the first user namespace may change
 * the project of a file, so a container with a user namespace of its own cannot leave it; one without can.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR } from '../sys/abi/ioctl.ts'
import {
  FS_XFLAG_PROJINHERIT,
  FSXATTR,
  IF_DQBLK,
  PRJQUOTA,
  Q_GETINFO,
  Q_GETQUOTA,
  Q_SETQUOTA,
  QIF_BLIMITS,
  QIF_DQBLKSIZE,
} from '../sys/abi/quota.ts'
import { SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'
import { fileSystemOf } from './diagnose.ts'

/** Projects that people number (/etc/projid) lie below. */
const FIRST_PROJECT = 0x4000_0000
const PROJECTS = 0x8000_0000
/** How many ids in a row may be somebody else's. */
const TRIES = 64

const command = (code: number): number => ((code << 8) | PRJQUOTA) >>> 0

/** Where project quotas are turned on, by file system. */
const CURES: Readonly<Record<string, string>> = {
  ext4: 'unmount it, tune2fs -O quota,project DEVICE, and mount it with -o prjquota',
  xfs: 'mount it with -o prjquota (for / with rootflags=prjquota on the kernel’s command line)',
  f2fs: 'mount it with -o prjquota',
}

const unsupported = (path: string, errno: number): Error => {
  if (errno === ERRNO.EPERM || errno === ERRNO.EACCES)
    return new WherryError('permission-denied', `the size of ${path} can be limited by root of the machine only (CAP_SYS_ADMIN)`)
  const name = fileSystemOf(path)
  const cure = CURES[name]
  return new WherryError(
    'unsupported',
    cure === undefined
      ? `the size of ${path} cannot be limited: its file system is ${name}, which has no project quotas (ext4, xfs and f2fs have)`
      : `the size of ${path} cannot be limited: project quotas are off on its file system (${name}): ${cure}`,
  )
}

/** What a project may take and takes; undefined where there is nothing of it. */
const read = (fd: number, project: number, path: string): { readonly limit: number; readonly inodes: number } | undefined => {
  const block = Buffer.alloc(IF_DQBLK.size)
  const result = trySyscall('quotactl_fd', fd, command(Q_GETQUOTA), project, block)
  if (result === -ERRNO.ENOENT || result === -ERRNO.ESRCH) {
    // XFS says the same of a project that it has not heard of, and of quotas that are off
    const info = trySyscall('quotactl_fd', fd, command(Q_GETINFO), 0, Buffer.alloc(24))
    if (info < 0) throw unsupported(path, -info)
    return undefined
  }
  if (result < 0) throw unsupported(path, -result)
  return {
    limit: Number(block.readBigUInt64LE(IF_DQBLK.dqb_bhardlimit)) * QIF_DQBLKSIZE,
    inodes: Number(block.readBigUInt64LE(IF_DQBLK.dqb_curinodes)),
  }
}

const setLimit = (fd: number, project: number, bytes: number, path: string): void => {
  const block = Buffer.alloc(IF_DQBLK.size)
  const blocks = BigInt(Math.ceil(bytes / QIF_DQBLKSIZE))
  block.writeBigUInt64LE(blocks, IF_DQBLK.dqb_bhardlimit)
  block.writeBigUInt64LE(blocks, IF_DQBLK.dqb_bsoftlimit)
  block.writeUInt32LE(QIF_BLIMITS, IF_DQBLK.dqb_valid)
  const result = trySyscall('quotactl_fd', fd, command(Q_SETQUOTA), project, block)
  if (result < 0) throw unsupported(path, -result)
}

const attributesOf = (fd: number, path: string): Buffer => {
  const attributes = Buffer.alloc(FSXATTR.size)
  const result = trySyscall('ioctl', fd, FS_IOC_FSGETXATTR, attributes)
  if (result < 0) throw unsupported(path, -result)
  return attributes
}

const projectOf = (attributes: Buffer): number => attributes.readUInt32LE(FSXATTR.fsx_projid)

const setProject = (fd: number, project: number, path: string): void => {
  const attributes = attributesOf(fd, path)
  attributes.writeUInt32LE(attributes.readUInt32LE(FSXATTR.fsx_xflags) | FS_XFLAG_PROJINHERIT, FSXATTR.fsx_xflags)
  attributes.writeUInt32LE(project, FSXATTR.fsx_projid)
  const result = trySyscall('ioctl', fd, FS_IOC_FSSETXATTR, attributes)
  if (result === -ERRNO.EINVAL || result === -ERRNO.ENOTSUP || result === -ERRNO.ENOTTY) throw unsupported(path, -result)
  if (result < 0) throw new SyscallError('ioctl', -result, { args: ['FS_IOC_FSSETXATTR', path] })
}

/** An id that nothing has. */
const freeProject = (fd: number, path: string): number => {
  const start = fstatSync(fd).ino % PROJECTS
  for (let index = 0; index < TRIES; index += 1) {
    const project = FIRST_PROJECT + ((start + index) % PROJECTS)
    if ((read(fd, project, path)?.inodes ?? 0) === 0) return project
  }
  throw new WherryError('resource-exhausted', `no project id is free for ${path}: ${TRIES} from ${FIRST_PROJECT + start} on are taken`)
}

const withFolder = <T>(path: string, use: (fd: number) => T): T => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** The folder's own project, as an earlier call has given it. */
const ownProject = (fd: number, path: string): number | undefined => {
  const project = projectOf(attributesOf(fd, path))
  return project >= FIRST_PROJECT ? project : undefined
}

/**
 * Limits what the folders, which lie on one file system, take together to `bytes` (whole KiB). They are empty, or have been
 * limited before. Throws WherryError 'unsupported', naming the file system and how it is turned on there.
 */
export const limitSize = (folders: readonly [string, ...string[]], bytes: number): void =>
  withFolder(folders[0], (first) => {
    const project = ownProject(first, folders[0]) ?? freeProject(first, folders[0])
    setLimit(first, project, bytes, folders[0])
    for (const path of folders) withFolder(path, (fd) => setProject(fd, project, path))
  })

/** Takes the limit of `folder` away, before it is removed: limits of ids outlive their files. Idempotent; nothing for a folder without. */
export const unlimitSize = (folder: string): void =>
  withFolder(folder, (fd) => {
    const attributes = Buffer.alloc(FSXATTR.size)
    if (trySyscall('ioctl', fd, FS_IOC_FSGETXATTR, attributes) < 0) return
    const project = projectOf(attributes)
    if (project >= FIRST_PROJECT) setLimit(fd, project, 0, folder)
  })

/** Bytes that the folders of a limit take, and may take. Undefined for a folder without. */
export const sizeOf = (folder: string): { readonly limit: number } | undefined =>
  withFolder(folder, (fd) => {
    const project = ownProject(fd, folder)
    const found = project === undefined ? undefined : read(fd, project, folder)
    return found === undefined ? undefined : { limit: found.limit }
  })
