/** A blob of the store that may have other bytes than its name says. */
import { linkSync, lstatSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Digest } from '../digest.ts'
import { verifyBlob } from '../store/check/verify.ts'
import { blobPath } from '../store/layout.ts'
import { removeTree } from '../store/remove-tree.ts'
import { toTrash } from '../store/trash.ts'
import type { Store } from '../store/types.ts'

/**
 * Takes it away if it is damaged, so that it can be fetched again; true if it was. It is read whole first: that its layer does not come out
 * right may be the fault of the image's config, and the blob another image's as well.
 */
export const removeIfDamaged = async ({ root, readonly }: Store, digest: Digest, signal?: AbortSignal): Promise<boolean> => {
  const layout = { root, readonly }
  const path = blobPath(layout, digest)
  const verdict = await verifyBlob(path, digest, signal === undefined ? {} : { signal })
  if (verdict?.problem === undefined) return false
  const trash = toTrash(layout, path)
  if (trash === undefined) return true
  // between the look and the move a whole one may have come
  if (verdict.inode !== 0 && lstatSync(trash).ino !== verdict.inode)
    try {
      linkSync(trash, path)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  await removeTree(trash)
  return true
}
