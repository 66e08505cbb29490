/** What an image has where a new volume is mounted becomes the volume's content: with owners, modes, times and extended attributes. */
import { closeSync, constants, mkdirSync, openSync, readSync, renameSync } from 'node:fs'
import { removeTree } from '../../../image/store/remove-tree.ts'
import type { Sink } from '../../../image/layer/tar/body.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { mappedIds, SAME } from '../copy/ids.ts'
import type { SourceItem } from '../copy/item.ts'
import { Placer } from '../copy/place.ts'
import { type Found, resolve } from '../copy/resolve.ts'
import type { Tree } from '../copy/tree.ts'
import { walk } from '../copy/walk.ts'
import type { Home } from '../home.ts'
import { syncFolder } from '../documents.ts'
import { dataFolder, volumeFolder } from './store.ts'

/** A root filesystem that nothing runs in yet. */
export interface ImageRoot {
  readonly fd: number
  /** Of the container's user namespace, by which the ids of its files are shifted. */
  readonly mappings?: Mappings
}

const CHUNK = 256 * 1024

const pour = (from: number, sink: Sink): void => {
  const chunk = Buffer.allocUnsafe(CHUNK)
  for (let at = 0; ; ) {
    const count = readSync(from, chunk, 0, CHUNK, at)
    if (count === 0) break
    sink.write(chunk.subarray(0, count), at)
    at += count
  }
  sink.close()
}

const treeOf = (root: number, ids: Tree['ids']): Tree => ({ name: '', root, enter: (fd) => fd, ids, readonly: false, close: () => {} })

/** Undefined where the image has no folder there. */
const folderIn = (tree: Tree, target: string): Found | undefined => {
  let found: Found
  try {
    found = resolve(tree, target, { follow: true })
  } catch (error) {
    if (error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'invalid-argument')) return undefined
    throw error
  }
  if (found.fd !== undefined) return found
  found.close()
  return undefined
}

const place = (placer: Placer, item: SourceItem): void => {
  const sink = placer.take(item)
  if (sink !== undefined) pour(item.fd!, sink)
}

const O_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** False where the image has no folder there: then nothing is changed. What is copied comes into place whole. With the volume's lock held. */
export const copyUp = async (
  home: Pick<Home, 'root' | 'warn'>,
  name: string,
  { fd: root, mappings }: ImageRoot,
  target: string,
): Promise<boolean> => {
  const source = treeOf(root, mappings === undefined ? SAME : mappedIds(mappings))
  const found = folderIn(source, target)
  if (found === undefined) return false
  const folder = volumeFolder(home, name)
  const staging = `${folder}/_copy`
  try {
    await removeTree(staging)
    mkdirSync(staging, { mode: 0o755 })
    const into = openSync(staging, O_FOLDER)
    try {
      const onSkip = (path: string, why: string): void => home.warn(`volume ${name}: ${path} of the image is left out: it ${why}`)
      const placer = new Placer(treeOf(into, SAME), into, { owner: undefined, exact: true, overwrite: false, devices: true, onSkip })
      try {
        let first = true
        for (const item of walk(source, found.fd!, '', { onSkip })) {
          if (first && item.type !== 'directory') return false
          first = false
          place(placer, item)
        }
        placer.end()
      } finally {
        placer.close()
      }
    } finally {
      closeSync(into)
    }
    // over an empty folder
    renameSync(staging, dataFolder(home, name))
    syncFolder(folder)
    return true
  } finally {
    found.close()
    await removeTree(staging)
  }
}
