/** Extended attributes of a file, without following it: xattr(7), listxattr(2). */
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h. */
const LARGEST = 65536
const buffer = Buffer.alloc(LARGEST)
const NOTHING: ReadonlyMap<string, Uint8Array> = new Map()

const zeroEnded = (path: string | Uint8Array): Uint8Array =>
  typeof path === 'string' ? Buffer.from(`${path}\0`) : Buffer.concat([path, Buffer.alloc(1)])

/** Empty on file systems that have none. */
export const readXattrs = (path: string | Uint8Array): ReadonlyMap<string, Uint8Array> => {
  const where = zeroEnded(path)
  const length = trySyscall('llistxattr', where, buffer, LARGEST)
  if (length === 0 || length === -ERRNO.ENOTSUP) return NOTHING
  if (length < 0) throw new SyscallError('llistxattr', -length, { args: [String(path)] })
  const found = new Map<string, Uint8Array>()
  const names = buffer
    .toString('utf8', 0, length)
    .split('\0')
    .filter((name) => name !== '')
  for (const name of names) {
    const size = trySyscall('lgetxattr', where, name, buffer, LARGEST)
    if (size < 0) throw new SyscallError('lgetxattr', -size, { args: [String(path), name] })
    found.set(name, Uint8Array.prototype.slice.call(buffer, 0, size))
  }
  return found
}
