/** The home folder of a user in the container's own database, passwd(5), read beneath the root so that no link leads out. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import type { RootView } from '../rootfs/view.ts'
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  OPEN_HOW,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from '../sys/abi/fcntl.ts'
import { ARCH, trySyscall } from '../sys/syscall.ts'
import { followInRoot } from './follow.ts'

/** Bytes: a database beyond this is not one. */
const LARGEST = 4 * 1024 * 1024
const DEFAULT = '/'

const openInRoot = (rootfs: string, path: string): number => {
  const how = Buffer.alloc(OPEN_HOW.size)
  how.writeBigUInt64LE(BigInt(O_RDONLY | O_CLOEXEC | O_NONBLOCK), OPEN_HOW.flags)
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), OPEN_HOW.resolve)
  const root = openSync(rootfs, 'r')
  const fd = trySyscall('openat2', root, path, how, OPEN_HOW.size)
  closeSync(root)
  return fd
}

/** Of layers that are not mounted yet the highest has it, at the end of its links. */
const openInLayers = (root: RootView, path: string): number => {
  const real = root.real(followInRoot(root, path))
  return real === undefined ? -1 : trySyscall('openat', AT_FDCWD, real, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW[ARCH], 0)
}

const readInRoot = (root: RootView, path: string): string | undefined => {
  const fd = root.folder === undefined ? openInLayers(root, path) : openInRoot(root.folder, path)
  if (fd < 0) return undefined
  try {
    const stat = fstatSync(fd)
    return stat.isFile() && stat.size <= LARGEST ? readFileSync(fd, 'utf8') : undefined
  } finally {
    closeSync(fd)
  }
}

/** What no path of a home has, and what would say something to a terminal or in a file of lines. */
const CONTROL = /\p{Cc}/u

/** `/` for a user that the database does not have, or whose home has control characters. */
export const homeOf = (root: RootView, uid: number): string => {
  const line = readInRoot(root, 'etc/passwd')
    ?.split('\n')
    .map((entry) => entry.split(':'))
    .find((fields) => fields.length >= 7 && fields[2] === String(uid))
  const home = line?.[5] ?? ''
  return home === '' || CONTROL.test(home) ? DEFAULT : home
}
