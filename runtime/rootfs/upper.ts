/** The upper and the work folder: made if they are missing, and unmade if nothing comes of it. */
import { chownSync, chmodSync, lstatSync, mkdirSync, rmdirSync, rmSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { WherryError } from '../errors.ts'
import { isErrno } from '../sys/error.ts'
import { folderError, lowerName } from './folders.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import type { RootfsDescription } from './types.ts'

/** What has been made; `undo` takes it away again, as far as it is empty. */
export interface Prepared {
  readonly undo: () => void
}

const NOTHING: Prepared = { undo: () => {} }

const make = (path: string, mode: number): boolean => {
  try {
    mkdirSync(path, { mode })
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    if (isErrno(error, 'ENOENT')) throw new WherryError('not-found', `no folder for ${path}: ${dirname(path)} must exist`, { cause: error })
    throw error
  }
}

/** The folder as it is, not what a link leads to. */
const stat = (path: string, what: string): Stats => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw folderError(what, path, ERRNO.ENOENT)
  if (!found.isDirectory()) throw folderError(what, path, ERRNO.ENOTDIR)
  return found
}

const removeEmpty = (path: string): void => {
  try {
    rmdirSync(path)
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error
  }
}

/** The root of the container is seen with mode and owner of the upper folder: they are those of the highest layer. */
export const prepareUpper = ({ lowers, upper, work }: RootfsDescription): Prepared => {
  if (upper === undefined || work === undefined) return NOTHING
  const top = stat(lowers.at(-1)!, lowerName(lowers.length - 1, lowers.length))
  let [madeUpper, madeWork] = [false, false]
  const undo = (): void => {
    if (madeUpper) removeEmpty(upper)
    if (madeWork)
      rmSync(work, { recursive: true, force: true }) // overlay may have made something in it
    ;[madeUpper, madeWork] = [false, false]
  }
  try {
    if (make(upper, 0o700)) {
      madeUpper = true
      const own = stat(upper, 'upper folder')
      if (own.uid !== top.uid || own.gid !== top.gid) chownSync(upper, top.uid, top.gid)
      chmodSync(upper, top.mode & 0o7777)
    }
    madeWork = make(work, 0o700)
    stat(upper, 'upper folder')
    stat(work, 'work folder')
    return { undo }
  } catch (error) {
    undo()
    throw error
  }
}
