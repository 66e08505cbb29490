/**
 * What is visible when layers are stacked, and what each of them changes in it: overlayfs’s rules, and image-spec layer.md,
 * "Applying Changesets". A whiteout, a non-folder and an opaque folder hide what lower layers have beneath; a folder on a folder merges.
 */
import { DIRECTORY, NONE } from './entry.ts'
import { IMPLIED, type LayerTree, NO_VERSION, OPAQUE, type Version } from './layer-tree.ts'
import { NO_NODE, type Node, ROOT } from './path-trie.ts'

/** In `layer`, `before` was visible and `after` is; one of them may be NO_VERSION. */
export interface Change {
  readonly layer: number
  readonly before: Version
  readonly after: Version
  /** True if it is a folder above that hides it, not an entry of the path itself. */
  readonly fromAbove: boolean
}

export interface Settled {
  readonly changes: readonly Change[]
  /** What is visible of it when all layers are stacked. */
  readonly visible: Version
  /** Layers that hide what lower ones have beneath, in order. */
  readonly cuts: readonly number[]
}

/** Which layers are stacked; all, unless said otherwise. */
export type Stacked = (layer: number) => boolean

const ALL: Stacked = () => true
const NO_CUTS: readonly number[] = []
const NEVER = Number.POSITIVE_INFINITY

/** What the layers do to one path; `above` are the cuts of its folder. */
export const settle = (tree: LayerTree, node: Node, above: readonly number[], stacked: Stacked = ALL): Settled => {
  const versions: Version[] = []
  for (let version = tree.newestOf(node); version !== NO_VERSION; version = tree.olderThan(version))
    if (stacked(tree.layerOf(version))) versions.push(version)
  const changes: Change[] = []
  let cuts: number[] | undefined
  let visible = NO_VERSION
  let nextCut = 0
  for (;;) {
    const cutLayer = nextCut < above.length ? above[nextCut]! : NEVER
    const ownLayer = versions.length > 0 ? tree.layerOf(versions.at(-1)!) : NEVER
    const layer = Math.min(cutLayer, ownLayer)
    if (layer === NEVER) return { changes, visible, cuts: cuts ?? above }
    const before = visible
    if (cutLayer === layer) {
      visible = NO_VERSION
      cuts?.push(layer)
      nextCut++
    }
    const own = ownLayer === layer ? versions.pop()! : NO_VERSION
    if (own !== NO_VERSION) {
      visible = laid(tree, own, visible)
      if (cutLayer !== layer && (tree.kindOf(own) !== DIRECTORY || tree.has(own, OPAQUE))) {
        cuts ??= above.slice(0, nextCut)
        cuts.push(layer)
      }
    }
    if (before !== visible) changes.push({ layer, before, after: visible, fromAbove: own === NO_VERSION })
  }
}

/** What is visible once `version` is laid over `visible`. */
const laid = (tree: LayerTree, version: Version, visible: Version): Version => {
  if (tree.kindOf(version) === NONE) return NO_VERSION
  if (!tree.has(version, IMPLIED)) return version
  return visible !== NO_VERSION && tree.kindOf(visible) === DIRECTORY ? visible : version
}

/** The same for a path wherever it is. */
export const settleAt = (tree: LayerTree, node: Node, stacked: Stacked = ALL): Settled => {
  const parent = tree.paths.parent(node)
  return settle(tree, node, parent === NO_NODE ? NO_CUTS : settleAt(tree, parent, stacked).cuts, stacked)
}

/** `enter` before what is beneath the node, `leave` after. */
export interface Step extends Settled {
  readonly step: 'enter' | 'leave'
  readonly node: Node
}

interface Frame {
  readonly node: Node
  readonly settled: Settled
  readonly children: readonly Node[]
  next: number
}

/** A walk over `from` and all paths beneath, names in order. */
export function* walkTree(tree: LayerTree, stacked: Stacked = ALL, from: Node = ROOT): Generator<Step> {
  const stack: Frame[] = []
  const push = (node: Node, settled: Settled): Step => {
    stack.push({ node, settled, children: tree.paths.children(node), next: 0 })
    return { step: 'enter', node, ...settled }
  }
  yield push(from, settleAt(tree, from, stacked))
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const child = top.children[top.next++]
    if (child !== undefined) yield push(child, settle(tree, child, top.settled.cuts, stacked))
    else {
      stack.pop()
      yield { step: 'leave', node: top.node, ...top.settled }
    }
  }
}
