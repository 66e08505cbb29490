/** The home folder of a user in the container's own database, passwd(5), read beneath the root so that no link leads out. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, OPEN_HOW, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../sys/abi/fcntl.ts'
import { trySyscall } from '../sys/syscall.ts'

/** Bytes: a database beyond this is not one. */
const LARGEST = 4 * 1024 * 1024
const DEFAULT = '/'

const readInRoot = (rootfs: string, path: string): string | undefined => {
  const how = Buffer.alloc(OPEN_HOW.size)
  how.writeBigUInt64LE(BigInt(O_RDONLY | O_CLOEXEC | O_NONBLOCK), OPEN_HOW.flags)
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), OPEN_HOW.resolve)
  const root = openSync(rootfs, 'r')
  const fd = trySyscall('openat2', root, path, how, OPEN_HOW.size)
  closeSync(root)
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
export const homeOf = (rootfs: string, uid: number): string => {
  const line = readInRoot(rootfs, 'etc/passwd')
    ?.split('\n')
    .map((entry) => entry.split(':'))
    .find((fields) => fields.length >= 7 && fields[2] === String(uid))
  const home = line?.[5] ?? ''
  return home === '' || CONTROL.test(home) ? DEFAULT : home
}
