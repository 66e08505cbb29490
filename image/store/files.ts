/** Files that are there whole or not at all, also after a power cut. */
import { randomBytes } from '../../runtime/sys/random.ts'
import { closeSync, constants, fsync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'

/** fsync(2) in libuv's threads: it may take seconds. */
export const syncFile: (fd: number) => Promise<void> = promisify(fsync)

/** fsync(2) of a folder: the names in it. */
export const syncFolder = async (path: string): Promise<void> => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await syncFile(fd)
  } finally {
    closeSync(fd)
  }
}

export const unique = (): string => randomBytes(8).toString('hex')

export const writeAll = (fd: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

export interface WriteOptions {
  /** A path on the same file system that nothing else has. */
  readonly temporary: string
  /** false for what need not survive a power cut: it is still never seen half-written. */
  readonly durable?: boolean
}

/** Replaces `path` by these bytes. The folder is for the caller to sync. */
export const writeWhole = async (path: string, bytes: Uint8Array, { temporary, durable = true }: WriteOptions): Promise<void> => {
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    try {
      writeAll(fd, bytes)
      if (durable) await syncFile(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
