/** Folders of a root filesystem by descriptor: what was looked at is what is mounted, whatever happens to its path meanwhile. */
import { closeSync } from 'node:fs'
import { InvalidField, WherryError } from '../errors.ts'
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../sys/abi/fcntl.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { SyscallError } from '../sys/error.ts'
import { ARCH, trySyscall } from '../sys/syscall.ts'

/** Flags that a folder of ours is opened with: a symbolic link in its place is an error. */
export const FOLDER_FLAGS = O_PATH | O_CLOEXEC | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH]

/** What a failure to open `path` means; `what` is `layer 3 of 8`, `upper folder`. */
export const folderError = (what: string, path: string, errno: number, call = 'openat'): Error => {
  switch (errno) {
    case ERRNO.ENOENT:
      return new WherryError('not-found', `${what} is missing: ${path} (check the store, or pull the image again)`)
    case ERRNO.ENOTDIR:
    case ERRNO.ELOOP:
      return new WherryError('failed-precondition', `${what} must be a directory, not a symbolic link or a file: ${path}`)
    case ERRNO.EACCES:
      return new WherryError('permission-denied', `${what} may not be entered by this user: ${path}`)
    case ERRNO.EMFILE:
    case ERRNO.ENFILE:
      return new WherryError(
        'resource-exhausted',
        `${what} cannot be opened: too many open files (raise RLIMIT_NOFILE, ulimit -n): ${path}`,
      )
    case ERRNO.ENAMETOOLONG:
      return new InvalidField('rootfs', `${what}: the path is too long: ${path.slice(0, 200)}…`)
    default:
      return new SyscallError(call, errno, { during: what, args: [path] })
  }
}

export const lowerName = (index: number, count: number): string => `layer ${index + 1} of ${count}`

/** A close-on-exec descriptor (O_PATH). */
export const openFolder = (path: string, what: string): number => {
  const fd = trySyscall('openat', AT_FDCWD, path, FOLDER_FLAGS, 0)
  if (fd < 0) throw folderError(what, path, -fd)
  return fd
}

/** Descriptors that go when `use` is done. */
export const withFolders = <T>(use: (open: (path: string, what: string) => number) => T): T => {
  const fds: number[] = []
  try {
    return use((path, what) => {
      const fd = openFolder(path, what)
      fds.push(fd)
      return fd
    })
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
