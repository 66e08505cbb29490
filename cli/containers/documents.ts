/** Documents of ours: JSON with a version, written whole: temporary, fsync, rename, fsync of the folder. */
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'

/** Undefined where there is none, and for one that a power cut has torn. Throws `unsupported` for one of another version. */
export const readDocument = <T extends { readonly version: number }>(path: string, version: T['version']): T | undefined => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (typeof value !== 'object' || value === null || !('version' in value)) return undefined
  if (value.version !== version)
    throw new WherryError(
      'unsupported',
      `${path} is of version ${JSON.stringify(value.version)}, this program reads ${version}: it was written by another wherry, use that one`,
    )
  return value as T
}

const syncPath = (path: string, flags: number): void => {
  const fd = openSync(path, flags)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** The names in a folder are on the disk when it returns. */
export const syncFolder = (path: string): void => syncPath(path, constants.O_RDONLY | constants.O_DIRECTORY)

export interface WriteOptions {
  /** It is there after a power cut; else it is merely never seen half-written. */
  readonly durable: boolean
}

/** By who holds the thing's lock alone: there is one temporary file. */
export const writeDocument = (path: string, value: { readonly version: number }, { durable }: WriteOptions): void => {
  const temporary = `${path}.new`
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600)
  try {
    try {
      const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      if (durable) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  if (durable) syncFolder(dirname(path))
}
