/**
 * Files of a root filesystem that strangers filled, by a descriptor of its folder: no link leads out of it, nothing is opened that is not
 * what was expected (opening a device does things), and of nothing more is read than is sensible.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { O_CLOEXEC, O_PATH, OPEN_HOW, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../../runtime/sys/abi/fcntl.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'

/** Bytes: a database beyond this is not one. */
const LARGEST = 4 * 1024 * 1024
/** openat2(2) gives EAGAIN where `..` meets a rename. */
const TRIES = 64

/** An O_PATH descriptor of `path` as seen from the root, or the negative errno. */
export const tryOpenInRoot = (root: number, path: string, flags = 0): number => {
  const how = Buffer.alloc(OPEN_HOW.size)
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC | flags), OPEN_HOW.flags)
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), OPEN_HOW.resolve)
  for (let tries = 1; ; tries++) {
    const fd = trySyscall('openat2', root, path, how, OPEN_HOW.size)
    if ((fd !== -ERRNO.EAGAIN && fd !== -ERRNO.EINTR) || tries >= TRIES) return fd
  }
}

const readUpTo = (fd: number, most: number): Uint8Array => {
  const bytes = Buffer.alloc(most + 1)
  let length = 0
  while (length <= most) {
    const count = readSync(fd, bytes, length, bytes.length - length, null)
    if (count === 0) break
    length += count
  }
  return bytes.subarray(0, length)
}

/** Undefined if there is none. Throws `invalid-argument` for what is no regular file or too large. */
export const readInRoot = (root: number, path: string): Uint8Array | undefined => {
  const fd = tryOpenInRoot(root, path)
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined
  const said = `${path} of the image`
  if (fd === -ERRNO.ELOOP) throw new WherryError('invalid-argument', `${said}: its links go in circles, or through /proc`)
  if (fd < 0) throw new SyscallError('openat2', -fd, { args: [said] })
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new WherryError('invalid-argument', `${said}: is no regular file`)
    if (stat.size > LARGEST)
      throw new WherryError('invalid-argument', `${said}: has ${stat.size} bytes, more than the ${LARGEST} that are read`)
    const reading = openSync(`/proc/self/fd/${fd}`, 'r')
    try {
      // it may have grown
      const bytes = readUpTo(reading, stat.size)
      return bytes.subarray(0, stat.size)
    } finally {
      closeSync(reading)
    }
  } finally {
    closeSync(fd)
  }
}
