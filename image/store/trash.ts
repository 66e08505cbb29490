/** Deleting what is large: renamed out of the way at once, deleted afterwards, by the next collect() if this process dies. */
import { linkSync, lstatSync, renameSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { type Layout, trashPath } from './layout.ts'
import { removeTree } from './remove-tree.ts'

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

/** Removes what was looked at: if something else has taken its place meanwhile, that is put back. `inode` 0 is whatever is there. */
export const removeSeen = async (layout: Layout, path: string, inode: number): Promise<void> => {
  const trash = toTrash(layout, path)
  if (trash === undefined) return
  if (inode !== 0 && lstatSync(trash).ino !== inode)
    try {
      linkSync(trash, path)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  await removeTree(trash)
}
