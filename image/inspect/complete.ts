/**
 * What is only known when all layers are there.
 *
 * What a layer has in a folder that it does not speak of belongs to where that folder is below, which may be a symbolic link: `lib/x` over
 * `lib → usr/lib` is `usr/lib/x`. Unpacking puts such files there (image/layer/fix-up.ts); here the same is done for layers that came as streams.
 */
import { settleAt, type Stacked } from './changes.ts'
import { DIRECTORY, SYMLINK } from './entry.ts'
import { COPY, HARD_LINK, IMPLIED, type LayerTree, NO_VERSION, OPAQUE, type Version } from './layer-tree.ts'
import { NO_NODE, type Node, ROOT } from './path-trie.ts'
import { resolvePath } from './resolve.ts'
import { differences, inodeOf } from './stack.ts'

const isImplied = (tree: LayerTree, version: Version): boolean =>
  tree.has(version, IMPLIED) && tree.kindOf(version) === DIRECTORY && tree.nodeOf(version) !== ROOT

/** True if some layer for which `of` is true has folders without entries: then what is below them matters. */
export const hasImplied = (tree: LayerTree, of: Stacked): boolean => {
  for (let version = 0; version < tree.versions; version++) if (of(tree.layerOf(version)) && isImplied(tree, version)) return true
  return false
}

/** To be called when all layers are fed, and before anything is looked at. `stacked`: one image’s layers. */
export const complete = (tree: LayerTree, stacked: Stacked = () => true): void => {
  dropCopies(tree, stacked)
  relocate(tree, stacked)
}

/** Files that a folder has for the sake of hard links only: they are what the layers below have in that place. */
const dropCopies = (tree: LayerTree, stacked: Stacked): void => {
  const copies: Version[] = []
  for (let version = 0; version < tree.versions; version++)
    if (tree.has(version, COPY) && stacked(tree.layerOf(version)) && tree.at(tree.nodeOf(version), tree.layerOf(version)) === version)
      copies.push(version)
  copies.sort((a, b) => tree.layerOf(a) - tree.layerOf(b))
  for (const version of copies) {
    const below: Stacked = (one) => one < tree.layerOf(version) && stacked(one)
    const seen = settleAt(tree, tree.nodeOf(version), below).visible
    const original = seen === NO_VERSION ? NO_VERSION : inodeOf(tree, seen, below)
    if (original === NO_VERSION || tree.mtimeOf(original) !== tree.mtimeOf(version) || differences(tree, original, version).length > 0)
      continue
    tree.drop(version)
    dropEmpty(tree, tree.paths.parent(tree.nodeOf(version)), tree.layerOf(version))
  }
}

/** Folders that were there for the sake of the copy. */
const dropEmpty = (tree: LayerTree, from: Node, layer: number): void => {
  for (let node = from; node !== ROOT; node = tree.paths.parent(node)) {
    const version = tree.at(node, layer)
    if (version === NO_VERSION || !isImplied(tree, version) || tree.has(version, OPAQUE)) return
    if (tree.paths.children(node).some((child) => tree.at(child, layer) !== NO_VERSION)) return
    tree.drop(version)
  }
}

const relocate = (tree: LayerTree, stacked: Stacked = () => true): void => {
  const implied: Version[] = []
  for (let version = 0; version < tree.versions; version++)
    if (tree.layerOf(version) > 0 && stacked(tree.layerOf(version)) && isImplied(tree, version)) implied.push(version)
  // lower layers first; a folder’s node is made before those in it
  implied.sort((a, b) => tree.layerOf(a) - tree.layerOf(b) || tree.nodeOf(a) - tree.nodeOf(b))
  const moved = new Map<number, [from: string, to: string][]>()
  for (const version of implied) {
    const layer = tree.layerOf(version)
    const node = tree.nodeOf(version)
    // it may have been merged into another one meanwhile
    if (tree.at(node, layer) !== version) continue
    const below: Stacked = (one) => one < layer && stacked(one)
    const seen = settleAt(tree, node, below).visible
    if (seen === NO_VERSION || tree.kindOf(seen) !== SYMLINK) continue
    const from = tree.paths.path(node)
    const to = resolvePath(tree, from, { stacked: below, last: true })
    const target = to === undefined ? NO_NODE : tree.paths.find(to)
    if (to === undefined || target === NO_NODE) continue
    const folder = settleAt(tree, target, below).visible
    if (folder === NO_VERSION || tree.kindOf(folder) !== DIRECTORY) continue
    moveAll(tree, node, layer, to)
    moved.set(layer, [...(moved.get(layer) ?? []), [from, to]])
  }
  if (moved.size > 0) retargetLinks(tree, moved)
}

/** Names first, because moving makes nodes. */
const moveAll = (tree: LayerTree, from: Node, layer: number, to: string): void => {
  const moves: [version: Version, path: string][] = []
  const stack: [node: Node, path: string][] = [[from, to]]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const [node, path] = top
    const version = tree.at(node, layer)
    if (version === NO_VERSION) continue
    moves.push([version, path])
    for (const child of tree.paths.children(node))
      stack.push([child, path === '' ? tree.paths.name(child) : `${path}/${tree.paths.name(child)}`])
  }
  for (const [version, path] of moves) tree.move(version, path)
}

const retargetLinks = (tree: LayerTree, moved: ReadonlyMap<number, readonly (readonly [from: string, to: string])[]>): void => {
  for (let version = 0; version < tree.versions; version++) {
    const moves = moved.get(tree.layerOf(version))
    if (moves === undefined || !tree.has(version, HARD_LINK)) continue
    const target = tree.targetOf(version) ?? ''
    const [from, to] = moves.find(([folder]) => target.startsWith(`${folder}/`)) ?? []
    if (from !== undefined) tree.retarget(version, `${to}${target.slice(from.length)}`.replace(/^\//, ''))
  }
}
