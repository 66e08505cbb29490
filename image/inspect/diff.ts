/**
 * Two images, file by file. Layers that both begin with are read only where one of the others touches what is in them; contents are
 * compared only where size and type leave it open.
 */
import { settle, type Settled, type Stacked } from './changes.ts'
import { DIRECTORY, FILE, NONE } from './entry.ts'
import type { FeedOptions } from './feed.ts'
import { HARD_LINK, IMPLIED, LayerTree, NO_VERSION, OPAQUE, type Version } from './layer-tree.ts'
import { NO_NODE, type Node, ROOT } from './path-trie.ts'
import { hasImplied, complete } from './complete.ts'
import { type Difference, differences, inodeOf, type Shown, shown } from './stack.ts'

export interface DiffLayer {
  /** Equal for equal layers: the diff-id. */
  readonly key: string
  feed(tree: LayerTree, layer: number, options: FeedOptions): Promise<void>
  /** Hash of a file’s content, where it can be read again; layers that cannot are asked for hashes while they are fed. */
  readonly hash?: (path: string) => Promise<Uint8Array>
}

export interface FileDifference {
  readonly path: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Of `changed`. */
  readonly differences: readonly Difference[]
  /** In the first image, and in the second. */
  readonly before?: Shown
  readonly after?: Shown
}

const commonBeginning = (a: readonly DiffLayer[], b: readonly DiffLayer[]): number => {
  let common = 0
  while (common < a.length && a[common]!.key === b[common]?.key) common++
  return common
}

/** Layers 0…common-1 are those of both, then come those of the first alone, then those of the second. */
interface Plan {
  readonly tree: LayerTree
  readonly layers: readonly DiffLayer[]
  readonly first: Stacked
  readonly second: Stacked
}

const plan = async (a: readonly DiffLayer[], b: readonly DiffLayer[], options: FeedOptions): Promise<Plan> => {
  const tree = new LayerTree()
  const common = commonBeginning(a, b)
  const layers = [...a, ...b.slice(common)]
  const feed = (at: number, more: FeedOptions = {}): Promise<void> =>
    layers[at]!.feed(tree, at, { ...options, ...more, hash: layers[at]!.hash === undefined })
  for (let at = common; at < layers.length; at++) await feed(at)
  const first = (layer: number): boolean => layer < a.length
  const second = (layer: number): boolean => layer < common || layer >= a.length
  if (common < layers.length) {
    // where folders are links below, what is in them is touched elsewhere
    const anywhere = hasImplied(tree, (layer) => layers[layer]!.hash === undefined)
    const touched = anywhere ? {} : touchedBy(tree)
    for (let at = 0; at < common; at++) await feed(at, touched)
    for (let missing = missingTargets(tree); missing.size > 0; ) {
      const wanted = { wanted: (path: string) => missing.has(path) }
      for (let at = 0; at < common; at++) await feed(at, wanted)
      const still = missingTargets(tree)
      if ([...still].every((path) => missing.has(path))) break
      missing = still
    }
  }
  complete(tree, first)
  complete(tree, second)
  return { tree, layers, first, second }
}

/** What of lower layers matters to those that have been fed: paths they have too, and all beneath what they hide. */
const touchedBy = (tree: LayerTree): { wanted: (path: string) => boolean; into: (folder: string) => boolean } => {
  const known = tree.paths.size
  const hides = new Uint8Array(known)
  for (let node = 0; node < known; node++)
    for (let version = tree.newestOf(node); version !== NO_VERSION; version = tree.olderThan(version)) {
      if (tree.kindOf(version) !== DIRECTORY || tree.has(version, OPAQUE)) hides[node] = 1
      if (tree.has(version, HARD_LINK)) tree.paths.add(tree.targetOf(version) ?? '')
    }
  const linked = tree.paths.size
  const isHidden = (from: Node): boolean => {
    for (let node = from; node !== NO_NODE; node = tree.paths.parent(node)) if (node < known && hides[node] === 1) return true
    return false
  }
  const wanted = (path: string): boolean => {
    const exact = tree.paths.find(path)
    if (exact !== NO_NODE && exact < linked) return true
    return isHidden(exact === NO_NODE ? tree.paths.nearest(path) : exact)
  }
  return { wanted, into: wanted }
}

/** Hard links whose file has not been fed: it was not wanted for itself. */
const missingTargets = (tree: LayerTree): Set<string> => {
  const missing = new Set<string>()
  for (let version = 0; version < tree.versions; version++) {
    if (!tree.has(version, HARD_LINK)) continue
    const target = tree.targetOf(version) ?? ''
    const node = tree.paths.find(target)
    if (node === NO_NODE || lowest(tree, node) > tree.layerOf(version)) missing.add(target)
  }
  return missing
}

const lowest = (tree: LayerTree, node: Node): number => {
  let layer = Number.POSITIVE_INFINITY
  for (let version = tree.newestOf(node); version !== NO_VERSION; version = tree.olderThan(version))
    if (tree.kindOf(version) !== NONE) layer = tree.layerOf(version)
  return layer
}

interface Frame {
  readonly children: readonly Node[]
  next: number
  readonly a: readonly number[]
  readonly b: readonly number[]
}

/** Paths in order, folders before what is in them. */
export async function* diffLayers(
  a: readonly DiffLayer[],
  b: readonly DiffLayer[],
  options: FeedOptions = {},
): AsyncGenerator<FileDifference> {
  const { tree, layers, first, second } = await plan(a, b, options)
  const stack: Frame[] = [{ children: [ROOT], next: 0, a: [], b: [] }]
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const node = top.children[top.next++]
    if (node === undefined) {
      stack.pop()
      continue
    }
    const inA: Settled = settle(tree, node, top.a, first)
    const inB: Settled = settle(tree, node, top.b, second)
    stack.push({ children: tree.paths.children(node), next: 0, a: inA.cuts, b: inB.cuts })
    if (inA.visible === inB.visible) continue
    const difference = await compare(tree, layers, node, [inA.visible, first], [inB.visible, second])
    if (difference !== undefined) yield difference
  }
}

type Seen = readonly [Version, Stacked]

const compare = async (
  tree: LayerTree,
  layers: readonly DiffLayer[],
  node: Node,
  [a, first]: Seen,
  [b, second]: Seen,
): Promise<FileDifference | undefined> => {
  const path = tree.paths.path(node)
  if (a === NO_VERSION) return { path, change: 'added', differences: [], after: shown(tree, b, second) }
  if (b === NO_VERSION) return { path, change: 'removed', differences: [], before: shown(tree, a, first) }
  const one = inodeOf(tree, a, first)
  const other = inodeOf(tree, b, second)
  if (one === other) return undefined
  const found = one === NO_VERSION || other === NO_VERSION ? (['content'] as const) : await inodesDiffer(tree, layers, one, other)
  if (found.length === 0) return undefined
  return { path, change: 'changed', differences: found, before: shown(tree, a, first), after: shown(tree, b, second) }
}

const inodesDiffer = async (tree: LayerTree, layers: readonly DiffLayer[], a: Version, b: Version): Promise<readonly Difference[]> => {
  // nothing is said of an implied folder but that it is there
  if (tree.kindOf(a) === DIRECTORY && tree.kindOf(b) === DIRECTORY && (tree.has(a, IMPLIED) || tree.has(b, IMPLIED))) return []
  const found = differences(tree, a, b)
  if (tree.kindOf(a) !== FILE || tree.kindOf(b) !== FILE || found.includes('size') || tree.sizeOf(a) === 0) return found
  const same = (await hashOf(tree, layers, a)) === (await hashOf(tree, layers, b))
  return same ? found : [...found, 'content']
}

const hashOf = async (tree: LayerTree, layers: readonly DiffLayer[], version: Version): Promise<string> => {
  const known = tree.hashOf(version)
  if (known !== undefined) return known
  const read = layers[tree.layerOf(version)]!.hash
  // one that could not be hashed is like no other
  if (read === undefined) return `version ${version}`
  tree.setHash(version, await read(tree.paths.path(tree.nodeOf(version))))
  return tree.hashOf(version)!
}
