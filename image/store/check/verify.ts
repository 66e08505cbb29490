/** Reading a blob whole, comparing it with its name. */
import { closeSync, constants, fstatSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { isErrno } from '../../../runtime/sys/error.ts'
import { algorithmOf, type Digest, digestFrom, hasherFor } from '../../digest.ts'

const readInto: (fd: number, buffer: Uint8Array, offset: number, length: number, position: number) => Promise<{ bytesRead: number }> =
  promisify(read)

const CHUNK = 1024 * 1024

export interface Verdict {
  /** Undefined: it is what its name says. */
  readonly problem?: string
  /** Of the file that was looked at. */
  readonly inode: number
  readonly size: number
}

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly onBytes?: (bytes: number) => void
}

/** Undefined if there is nothing. Throws the signal’s reason; EIO and the like are a problem of the blob. */
export const verifyBlob = async (path: string, digest: Digest, { signal, onBytes }: VerifyOptions): Promise<Verdict | undefined> => {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    if (isErrno(error, 'ELOOP')) return { problem: 'is a symbolic link', inode: 0, size: 0 }
    if (isErrno(error, 'ENXIO')) return { problem: 'is no file', inode: 0, size: 0 }
    throw error
  }
  try {
    const { ino: inode, size, ...stat } = fstatSync(fd)
    if ((stat.mode & constants.S_IFMT) !== constants.S_IFREG) return { problem: 'is no file', inode, size: 0 }
    if (size === 0 && digest !== EMPTY) return { problem: 'is empty', inode, size }
    const hash = hasherFor(digest)
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(size, 1)))
    for (let at = 0; ; ) {
      signal?.throwIfAborted()
      const { bytesRead } = await readInto(fd, buffer, 0, buffer.length, at)
      if (bytesRead === 0) break
      hash.update(buffer.subarray(0, bytesRead))
      at += bytesRead
      onBytes?.(bytesRead)
    }
    const is = digestFrom(algorithmOf(digest), hash)
    return is === digest ? { inode, size } : { problem: `has the digest ${is}`, inode, size }
  } catch (error) {
    if (isErrno(error, 'EIO')) return { problem: 'cannot be read (EIO): the disk fails, see dmesg', inode: fstatSync(fd).ino, size: 0 }
    throw error
  } finally {
    closeSync(fd)
  }
}

/** Of no bytes. */
const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
