/** Deleting what is large: renamed out of the way at once, deleted afterwards, by the next collect() if this process dies. */
import { lstatSync, renameSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { type Layout, trashPath } from './layout.ts'

/** Makes room for a file: whatever is there and is no plain file goes. */
export const moveAway = (layout: Layout, path: string): void => {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat !== undefined && !stat.isFile()) toTrash(layout, path)
}

/** The path in the trash; undefined if it was not there. */
export const toTrash = (layout: Layout, path: string): string | undefined => {
  const trash = trashPath(layout)
  try {
    renameSync(path, trash)
    return trash
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
