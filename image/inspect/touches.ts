/** Which layers touched a path. */
import { settleAt, walkTree } from './changes.ts'
import { resolvePath } from './resolve.ts'
import { DIRECTORY, SYMLINK } from './entry.ts'
import { isGlob, matching } from './glob.ts'
import { type LayerTree, NO_VERSION, type Version } from './layer-tree.ts'
import { NO_NODE, type Node, ROOT } from './path-trie.ts'
import { bytesOf, differences, inodeOf, type Shown, shown } from './stack.ts'

export interface Touch {
  readonly layer: number
  /**
   * `changed` with empty `differences`: written again as it was, or with another content of the same size. `hidden`: gone, or replaced,
   * with a folder above it. `mentioned`: a folder that is there already.
   */
  readonly how: 'added' | 'changed' | 'removed' | 'hidden' | 'mentioned'
  readonly differences: readonly string[]
  /** As this layer has it; missing where it is removed. */
  readonly now?: Shown
}

export interface Beneath {
  readonly layer: number
  /** Files, not folders; bytes of the added and changed ones. */
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly bytes: number
}

export interface TouchedPath {
  readonly path: string
  readonly touches: readonly Touch[]
  /** Of a folder: what layers did to the files in it and below. */
  readonly beneath?: readonly Beneath[]
  /** As it is when all layers are stacked; missing where it is gone. */
  readonly visible?: Shown
}

export interface Touched {
  /** The path asked for without slashes around it, or the pattern. */
  readonly asked: string
  /** Where it leads through symbolic links of the image, if that is elsewhere. */
  readonly resolved?: string
  readonly paths: readonly TouchedPath[]
  /** True if there would have been more. */
  readonly cut: boolean
}

const clean = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')

/** `path`: of a file or folder, or a pattern (glob.ts). `most`: paths told of. */
export const touches = (tree: LayerTree, path: string, most = 1000): Touched => {
  const asked = clean(path)
  if (isGlob(asked) && tree.paths.find(asked) === NO_NODE) {
    const found: TouchedPath[] = []
    for (const node of matching(tree.paths, asked)) {
      const one = touchedPath(tree, node, false)
      if (one.touches.length === 0) continue
      if (found.length === most) return { asked, paths: found, cut: true }
      found.push(one)
    }
    return { asked, paths: found, cut: false }
  }
  const resolved = resolvePath(tree, asked) ?? asked
  const node = tree.paths.find(resolved)
  const elsewhere = resolved === asked ? {} : { resolved }
  const there = node === NO_NODE ? [] : [touchedPath(tree, node, true)]
  const links = resolved === asked ? [] : linksOnTheWay(tree, asked)
  return { asked, ...elsewhere, paths: [...links, ...there].filter((one) => one.touches.length > 0), cut: false }
}

const touchedPath = (tree: LayerTree, node: Node, withBeneath: boolean): TouchedPath => {
  const { changes, visible } = settleAt(tree, node)
  const found: Touch[] = changes.map(({ layer, before, after, fromAbove }): Touch => {
    if (after === NO_VERSION) return { layer, how: fromAbove ? 'hidden' : 'removed', differences: [] }
    const now = shown(tree, after)
    if (before === NO_VERSION) return { layer, how: 'added', differences: [], now }
    const differs = differing(tree, before, after)
    const both = tree.kindOf(before) === DIRECTORY && tree.kindOf(after) === DIRECTORY
    return { layer, how: both && differs.length === 0 ? 'mentioned' : 'changed', differences: differs, now }
  })
  const folder = found.some(({ now }) => now?.type === 'directory')
  return {
    path: tree.paths.path(node),
    touches: found,
    ...(folder && withBeneath ? { beneath: beneath(tree, node) } : {}),
    ...(visible === NO_VERSION ? {} : { visible: shown(tree, visible) }),
  }
}

const differing = (tree: LayerTree, before: Version, after: Version): readonly string[] => {
  const a = inodeOf(tree, before)
  const b = inodeOf(tree, after)
  return a === NO_VERSION || b === NO_VERSION ? [] : differences(tree, a, b)
}

const beneath = (tree: LayerTree, folder: Node): Beneath[] => {
  const rows = new Map<number, { layer: number; added: number; changed: number; removed: number; bytes: number }>()
  const row = (layer: number): { added: number; changed: number; removed: number; bytes: number } => {
    const there = rows.get(layer) ?? { layer, added: 0, changed: 0, removed: 0, bytes: 0 }
    rows.set(layer, there)
    return there
  }
  const isFile = (version: Version): boolean => version !== NO_VERSION && tree.kindOf(version) !== DIRECTORY
  for (const { step, node, changes } of walkTree(tree, undefined, folder)) {
    if (step === 'leave' || node === folder) continue
    for (const { layer, before, after } of changes) {
      if (isFile(after)) {
        row(layer)[isFile(before) ? 'changed' : 'added']++
        row(layer).bytes += bytesOf(tree, after)
      } else if (isFile(before)) row(layer).removed++
    }
  }
  return [...rows.values()].sort((a, b) => a.layer - b.layer)
}

/** The folders of the path that are or were symbolic links. */
const linksOnTheWay = (tree: LayerTree, path: string): TouchedPath[] => {
  const found: TouchedPath[] = []
  for (let node = tree.paths.nearest(path); node !== ROOT && node !== NO_NODE; node = tree.paths.parent(node)) {
    const { visible } = settleAt(tree, node)
    if (visible !== NO_VERSION && tree.kindOf(visible) === SYMLINK) found.unshift(touchedPath(tree, node, false))
  }
  return found
}
