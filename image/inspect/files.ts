/** What one layer does, path by path. */
import { type Change, type Step, walkTree } from './changes.ts'
import { DIRECTORY, NONE } from './entry.ts'
import { IMPLIED, type LayerTree, NO_VERSION, OPAQUE, type Version } from './layer-tree.ts'
import { bytesOf, type Shown, shown } from './stack.ts'

/** `A`: was not there before. `C`: takes the place of what was there. `D`: is gone. Empty: a folder the layer mentions and leaves as it is. */
export type Marker = 'A' | 'C' | 'D' | ''

export interface LayerFile extends Shown {
  /** Without a slash in front; empty for the root. */
  readonly path: string
  readonly marker: Marker
  /** Of a folder that is gone, or that something else has taken the place of: what was in it. */
  readonly lost?: { readonly files: number; readonly bytes: number }
}

/** Parents before children, names in order. What is gone with a folder is told of with the folder. */
export function* filesOf(tree: LayerTree, layer: number): Generator<LayerFile> {
  const steps = walkTree(tree)
  for (const { step, node, changes } of steps) {
    if (step === 'leave') continue
    const own = tree.at(node, layer)
    const change = changes.find((one) => one.layer === layer)
    if (change === undefined && (own === NO_VERSION || tree.kindOf(own) === NONE)) continue
    const marker = markerOf(tree, change)
    const version = change === undefined ? own : change.after === NO_VERSION ? change.before : change.after
    const emptied = change !== undefined && isFolder(tree, change.before) && !isFolder(tree, change.after)
    const lost = emptied ? { lost: lostBeneath(tree, layer, node, steps) } : {}
    const opaque = own !== NO_VERSION && tree.has(own, OPAQUE) ? { opaque: true as const } : {}
    yield { path: tree.paths.path(node), marker, ...shown(tree, version), ...opaque, ...lost }
  }
}

const isFolder = (tree: LayerTree, version: Version): boolean => version !== NO_VERSION && tree.kindOf(version) === DIRECTORY

const markerOf = (tree: LayerTree, change: Change | undefined): Marker => {
  if (change === undefined) return ''
  if (change.before === NO_VERSION) return 'A'
  if (change.after === NO_VERSION) return 'D'
  const { before, after } = change
  return isFolder(tree, before) && isFolder(tree, after) && sameFolder(tree, before, after) ? '' : 'C'
}

/** Of an implied folder nothing is known that could differ. */
const sameFolder = (tree: LayerTree, a: Version, b: Version): boolean =>
  tree.has(a, IMPLIED) ||
  tree.has(b, IMPLIED) ||
  (tree.modeOf(a) === tree.modeOf(b) &&
    tree.uidOf(a) === tree.uidOf(b) &&
    tree.gidOf(a) === tree.gidOf(b) &&
    tree.xattrsOf(a) === tree.xattrsOf(b))

/** Takes the steps beneath `node` and counts what the layer takes away there. */
const lostBeneath = (tree: LayerTree, layer: number, node: number, steps: Iterator<Step>): { files: number; bytes: number } => {
  const lost = { files: 0, bytes: 0 }
  for (let next = steps.next(); next.done !== true; next = steps.next()) {
    const { step, node: at, changes } = next.value
    if (step === 'leave' && at === node) break
    const change = step === 'enter' ? changes.find((one) => one.layer === layer) : undefined
    if (change === undefined || change.before === NO_VERSION || isFolder(tree, change.before)) continue
    lost.files++
    lost.bytes += bytesOf(tree, change.before)
  }
  return lost
}
