/** Where the waste is: versions of files that layers carry and the image does not show. */
import { walkTree } from './changes.ts'
import { DIRECTORY, FILE } from './entry.ts'
import { type LayerTree, NO_VERSION, type Version } from './layer-tree.ts'
import { type Node, ROOT } from './path-trie.ts'
import { bytesOf, liveInodes } from './stack.ts'

export interface Wasted {
  /** Of a file, or of the outermost folder that is gone. */
  readonly path: string
  /** Bytes in versions that are not to be seen in the image. */
  readonly bytes: number
  /** Files concerned: more than one only for a folder. */
  readonly files: number
  /** Versions of the file that layers have; of a folder that is gone, of all files in it. */
  readonly versions: number
  /** True if nothing of it is left. */
  readonly removed: boolean
  /** Layers that have versions of it which are not to be seen. */
  readonly layers: readonly number[]
  /** Every later version has the size and time of the first: a chmod or chown made a copy. */
  readonly metadataOnly: boolean
}

/** What is gone with the folder above it is told of with that folder. */
interface Open {
  readonly visible: Version
  bytes: number
  files: number
  versions: number
  readonly layers: Set<number>
  metadataOnly: boolean
}

/** Worst first; `most` rows. */
export const wasted = (tree: LayerTree, most = Number.POSITIVE_INFINITY): Wasted[] => {
  const live = liveInodes(tree)
  const found: Wasted[] = []
  const open: Open[] = []
  const trim = (): void => {
    found.sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1))
    if (found.length > most) found.length = most
  }
  for (const { step, node, visible } of walkTree(tree)) {
    if (step === 'enter') {
      open.push(own(tree, node, visible, live))
      continue
    }
    const one = open.pop()!
    const above = open.at(-1)
    if (one.bytes === 0) continue
    const withAbove =
      above !== undefined &&
      visible === NO_VERSION &&
      tree.paths.parent(node) !== ROOT &&
      (above.visible === NO_VERSION || tree.kindOf(above.visible) !== DIRECTORY)
    if (withAbove) add(above, one)
    else {
      const { bytes, files, versions, layers, metadataOnly } = one
      const path = tree.paths.path(node)
      found.push({ path, bytes, files, versions, removed: visible === NO_VERSION, layers: [...layers].sort((a, b) => a - b), metadataOnly })
      if (found.length > most * 2 + 1000) trim()
    }
  }
  trim()
  return found
}

const own = (tree: LayerTree, node: Node, visible: Version, live: Uint8Array): Open => {
  const one: Open = { visible, bytes: 0, files: 0, versions: 0, layers: new Set(), metadataOnly: false }
  let same = true
  for (let version = tree.newestOf(node); version !== NO_VERSION; version = tree.olderThan(version)) {
    if (tree.kindOf(version) !== FILE) {
      same = false
      continue
    }
    one.versions++
    same &&= visible !== NO_VERSION && tree.sizeOf(version) === tree.sizeOf(visible) && tree.mtimeOf(version) === tree.mtimeOf(visible)
    const bytes = bytesOf(tree, version)
    if (bytes === 0 || live[version] === 1) continue
    one.bytes += bytes
    one.files = 1
    one.layers.add(tree.layerOf(version))
  }
  one.metadataOnly = same && one.bytes > 0
  return one
}

const add = (into: Open, one: Open): void => {
  into.bytes += one.bytes
  into.files += one.files
  into.versions += one.versions
  into.metadataOnly = false
  for (const layer of one.layers) into.layers.add(layer)
}
