/** Files without a name: gone with their descriptor, however the process ends. O_TMPFILE of open(2). */
import { randomBytes } from 'node:crypto'
import { openSync, unlinkSync } from 'node:fs'
import { O_CLOEXEC, O_CREAT, O_EXCL, O_RDWR, O_TMPFILE } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'

/** A descriptor of an empty file on the file system of `folder`, for reading and writing. */
export const temporaryFile = (folder: string): number => {
  try {
    return openSync(folder, O_TMPFILE[ARCH] | O_RDWR | O_CLOEXEC, 0o600)
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'EISDIR', 'ENOENT', 'EINVAL')) throw error
  }
  const path = `${folder}/.tmp-${randomBytes(12).toString('hex')}`
  const fd = openSync(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
  unlinkSync(path)
  return fd
}
