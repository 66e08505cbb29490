/** Images over the layers they share. */
import type { Digest } from '../digest.ts'

export interface TreeLayer {
  readonly diffID: Digest
  /** Bytes unpacked, or of the blob where it is not. */
  readonly size: number
}

export interface TreeImage {
  readonly id: Digest
  readonly names: readonly string[]
  /** Lowest first. */
  readonly layers: readonly TreeLayer[]
}

/** A run of layers that the same images have. */
export interface TreeNode {
  readonly layers: readonly TreeLayer[]
  /** Bytes of the run. */
  readonly size: number
  /** With all that is below. */
  readonly total: number
  /** Images that end here. */
  readonly images: readonly { readonly id: Digest; readonly names: readonly string[] }[]
  readonly children: readonly TreeNode[]
}

export interface ImageTree {
  readonly roots: readonly TreeNode[]
  /** Bytes of all layers, each once; and as if each image had its own. */
  readonly size: number
  readonly apart: number
}

interface Growing {
  readonly layer: TreeLayer
  readonly images: { id: Digest; names: readonly string[] }[]
  readonly children: Map<Digest, Growing>
}

const byName = (
  a: { readonly names: readonly string[]; readonly id: Digest },
  b: { readonly names: readonly string[]; readonly id: Digest },
): number => (`${a.names[0] ?? '~'} ${a.id}` < `${b.names[0] ?? '~'} ${b.id}` ? -1 : 1)

const total = (layers: readonly TreeLayer[]): number => layers.reduce((sum, { size }) => sum + size, 0)

/** Layers that no image ends on and none branches from are one node with the next. */
const settle = (growing: Growing, below: number): TreeNode => {
  const run = [growing.layer]
  let top = growing
  while (top.images.length === 0 && top.children.size === 1) {
    top = top.children.values().next().value!
    run.push(top.layer)
  }
  const size = total(run)
  return {
    layers: run,
    size,
    total: below + size,
    images: top.images.sort(byName),
    children: [...top.children.values()].map((child) => settle(child, below + size)),
  }
}

export const treeOfImages = (images: readonly TreeImage[]): ImageTree => {
  const roots = new Map<Digest, Growing>()
  const empty: { id: Digest; names: readonly string[] }[] = []
  for (const { id, names, layers } of images) {
    let level = roots
    let top: Growing | undefined
    for (const layer of layers) {
      top = level.get(layer.diffID) ?? { layer, images: [], children: new Map() }
      level.set(layer.diffID, top)
      level = top.children
    }
    const ending = top?.images ?? empty
    ending.push({ id, names })
  }
  const sizes = new Map(images.flatMap(({ layers }) => layers.map(({ diffID, size }) => [diffID, size])))
  const none: TreeNode[] = empty.length === 0 ? [] : [{ layers: [], size: 0, total: 0, images: empty.sort(byName), children: [] }]
  return {
    roots: [...[...roots.values()].map((root) => settle(root, 0)), ...none],
    size: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    apart: images.reduce((sum, { layers }) => sum + total(layers), 0),
  }
}

export interface Common {
  /** Layers that both begin with: what is unpacked and mounted of them is the same. */
  readonly base: readonly TreeLayer[]
  /** Further layers that both have, elsewhere: they are on the disk once. */
  readonly others: readonly TreeLayer[]
  readonly size: number
  readonly onlyFirst: readonly TreeLayer[]
  readonly onlySecond: readonly TreeLayer[]
}

/** What two images have in common. */
export const commonLayers = (a: Pick<TreeImage, 'layers'>, b: Pick<TreeImage, 'layers'>): Common => {
  let length = 0
  while (length < a.layers.length && a.layers[length]!.diffID === b.layers[length]?.diffID) length++
  const has = (layers: readonly TreeLayer[], { diffID }: TreeLayer): boolean => layers.some((layer) => layer.diffID === diffID)
  const rest = a.layers.slice(length)
  const restOfB = b.layers.slice(length)
  const base = a.layers.slice(0, length)
  const others = rest.filter((layer) => has(b.layers, layer) && !has(base, layer))
  return {
    base,
    others,
    size: total(base) + total(others),
    onlyFirst: rest.filter((layer) => !has(b.layers, layer)),
    onlySecond: restOfB.filter((layer) => !has(a.layers, layer)),
  }
}
