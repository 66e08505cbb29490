/** Folders that images are written into: files appear whole, under their names, and are on the disk at the end. */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, write } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'

const writeAt = promisify(write)

/** `path` is made of names of ours (digests, fixed names), never of an archive’s. */
export const writeFileWhole = async (folder: string, path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  const target = join(folder, path)
  mkdirSync(dirname(target), { recursive: true })
  const temporary = join(folder, `.tmp-${randomBytes(8).toString('hex')}`)
  const fd = openSync(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, 0o644)
  try {
    let position = 0
    for await (const chunk of bytes)
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await writeAt(fd, chunk, done, chunk.length - done, position)
        done += bytesWritten
        position += bytesWritten
      }
    fsyncSync(fd)
    renameSync(temporary, target)
  } catch (cause) {
    rmSync(temporary, { force: true })
    if (isErrno(cause, 'ENOSPC', 'EDQUOT')) throw new WherryError('resource-exhausted', `${folder}: no space left on the device`, { cause })
    throw cause
  } finally {
    closeSync(fd)
  }
}

export const syncFolder = (folder: string): void => {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** True if it was not there. */
export const makeFolder = (folder: string): boolean => {
  const there = existsSync(folder)
  try {
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    if (isErrno(cause, 'EEXIST', 'ENOTDIR'))
      throw new WherryError('invalid-argument', `${folder}: there is a file in the way of the folder`, { cause })
    if (isErrno(cause, 'EACCES', 'EPERM', 'EROFS')) throw new WherryError('permission-denied', `${folder}: cannot be made`, { cause })
    throw cause
  }
  return !there
}
