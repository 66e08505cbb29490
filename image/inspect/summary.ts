/** What each layer adds, changes and removes, what of it is wasted, and how well the image is packed. */
import { walkTree } from './changes.ts'
import { DIRECTORY } from './entry.ts'
import { IMPLIED, type LayerTree, NO_VERSION, type Version } from './layer-tree.ts'
import { bytesOf, differences, liveInodes } from './stack.ts'

export interface Count {
  /** All that is no folder. */
  readonly files: number
  readonly folders: number
  /** Of the files: what was added, what a changed file has now, what a removed one had. A hard link has none of its own. */
  readonly bytes: number
}

export interface LayerSummary {
  /** Bytes of the files in the layer; each once, however many names it has. */
  readonly size: number
  readonly added: Count
  /** Of folders those whose mode, owner or extended attributes changed: what is only mentioned again does not count. */
  readonly changed: Count
  readonly removed: Count
  /** Bytes of this layer’s files that are not to be seen in the image. */
  readonly wasted: number
}

export interface Summary {
  readonly layers: readonly LayerSummary[]
  /** Bytes of all layers’ files. */
  readonly size: number
  /** What the image shows. */
  readonly visible: { readonly files: number; readonly folders: number; readonly bytes: number }
  /** Bytes in layers that the image does not show: all versions of a file but its last, and all of them if it was deleted. */
  readonly wasted: number
  /**
   * 0…1, dive’s: over every path of a file, the size of its smallest version, divided by the size of all of them. A deletion is a version
   * of no bytes. 1 for an image without files.
   */
  readonly efficiency: number
}

const empty = (): { files: number; folders: number; bytes: number } => ({ files: 0, folders: 0, bytes: 0 })

const isFolder = (tree: LayerTree, version: Version): boolean => tree.kindOf(version) === DIRECTORY

const changedFolder = (tree: LayerTree, before: Version, after: Version): boolean =>
  !tree.has(after, IMPLIED) && !tree.has(before, IMPLIED) && differences(tree, before, after).length > 0

export const summarise = (tree: LayerTree, layers: number): Summary => {
  const live = liveInodes(tree)
  const rows = Array.from({ length: layers }, () => ({ size: 0, added: empty(), changed: empty(), removed: empty(), wasted: 0 }))
  const visible = empty()
  let smallest = 0
  let discovered = 0
  for (const { step, node, changes, visible: last } of walkTree(tree)) {
    if (step === 'leave') continue
    let removals = 0
    for (const { layer, before, after } of changes) {
      const row = rows[layer]!
      if (after === NO_VERSION) {
        count(row.removed, tree, before)
        removals++
      } else if (before === NO_VERSION) count(row.added, tree, after)
      else if (!isFolder(tree, after) || !isFolder(tree, before) || changedFolder(tree, before, after)) count(row.changed, tree, after)
    }
    let least = removals > 0 ? 0 : Number.POSITIVE_INFINITY
    for (let version = tree.newestOf(node); version !== NO_VERSION; version = tree.olderThan(version)) {
      const bytes = bytesOf(tree, version)
      const row = rows[tree.layerOf(version)]!
      row.size += bytes
      discovered += bytes
      least = Math.min(least, bytes)
      if (live[version] === 0) row.wasted += bytes
      else visible.bytes += bytes
    }
    if (least < Number.POSITIVE_INFINITY) smallest += least
    if (last !== NO_VERSION) visible[isFolder(tree, last) ? 'folders' : 'files']++
  }
  return {
    layers: rows,
    size: rows.reduce((sum, { size }) => sum + size, 0),
    visible,
    wasted: rows.reduce((sum, { wasted }) => sum + wasted, 0),
    efficiency: discovered === 0 ? 1 : smallest / discovered,
  }
}

const count = (into: { files: number; folders: number; bytes: number }, tree: LayerTree, version: Version): void => {
  if (isFolder(tree, version)) into.folders++
  else {
    into.files++
    into.bytes += bytesOf(tree, version)
  }
}
