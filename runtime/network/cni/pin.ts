/** Keeping a network namespace beyond its processes: a bind mount of it on a file, as ip-netns(8) does. Only CNI needs that: plugins tidy up inside. */
import { closeSync, existsSync, openSync, rmSync, statfsSync } from 'node:fs'
import { ERRNO } from '../../sys/abi/errno.ts'
import { MNT_DETACH, MS_BIND } from '../../sys/abi/mount.ts'
import { isErrno, SyscallError } from '../../sys/error.ts'
import { syscall, trySyscall } from '../../sys/syscall.ts'

/** @param init pid whose namespace it is */
export const pinNamespace = (init: number, path: string): void => {
  if (existsSync(path)) unpinNamespace(path)
  closeSync(openSync(path, 'wx', 0o600))
  syscall('mount', [`/proc/${init}/ns/net`, path, 'none', MS_BIND, 0], {
    args: [`src=/proc/${init}/ns/net`, `dst=${path}`, 'flags=MS_BIND'],
  })
}

/** linux/magic.h */
const NSFS_MAGIC = 0x6e736673

/** Whether a namespace is kept there: what the file is without it tells nobody anything. */
export const isNamespace = (path: string): boolean => {
  try {
    return statfsSync(path).type === NSFS_MAGIC
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

/** Idempotent. */
export const unpinNamespace = (path: string): void => {
  const result = trySyscall('umount2', path, MNT_DETACH)
  if (result < 0 && result !== -ERRNO.EINVAL && result !== -ERRNO.ENOENT)
    throw new SyscallError('umount2', -result, { args: [path, 'MNT_DETACH'] })
  rmSync(path, { force: true })
}
