/** A tree with all layers fed: hard links led to their files, and what is visible in the end. */
import { decodeXattrs, FILE, KINDS, type Kind, NONE } from './entry.ts'
import { settleAt, type Stacked, walkTree } from './changes.ts'
import { HARD_LINK, IMPLIED, type LayerTree, NO_VERSION, OPAQUE, type Version } from './layer-tree.ts'
import { NO_NODE, type Node } from './path-trie.ts'

/** A hard link to a hard link to …: whoever makes more of them has no file at their end. */
const MOST_LINKS = 40

/** The version that has the attributes and the bytes; NO_VERSION for a link to nothing. */
export const inodeOf = (tree: LayerTree, version: Version, stacked: Stacked = () => true): Version => {
  let at = version
  for (let links = 0; tree.has(at, HARD_LINK); links++) {
    const target = tree.paths.find(tree.targetOf(at) ?? '')
    if (target === NO_NODE || links === MOST_LINKS) return NO_VERSION
    const layer = tree.layerOf(at)
    let next = tree.newestOf(target)
    while (next !== NO_VERSION && (tree.layerOf(next) > layer || !stacked(tree.layerOf(next)) || tree.kindOf(next) === NONE || next === at))
      next = tree.olderThan(next)
    if (next === NO_VERSION) return NO_VERSION
    at = next
  }
  return at
}

/** Bytes that the version itself brings: none for a further name of a file. */
export const bytesOf = (tree: LayerTree, version: Version): number =>
  version === NO_VERSION || tree.has(version, HARD_LINK) || tree.kindOf(version) !== FILE ? 0 : tree.sizeOf(version)

/** An inode as a person or a program wants to see it. */
export interface Shown {
  readonly type: Kind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds since 1970. */
  readonly mtime: number
  readonly link?: string
  /** Path of the file that this is a further name of. */
  readonly hardLinkTo?: string
  /** `major:minor` */
  readonly device?: string
  /** Values in base64url. */
  readonly xattrs?: Readonly<Record<string, string>>
  /** A folder that the layer has no entry for. */
  readonly implied?: true
  /** A folder that shows nothing of the layers below. */
  readonly opaque?: true
}

export const shown = (tree: LayerTree, version: Version, stacked?: Stacked): Shown => {
  const found = inodeOf(tree, version, stacked)
  const inode = found === NO_VERSION ? version : found
  const type = KINDS[tree.kindOf(inode)]!
  const target = tree.targetOf(inode)
  const xattrs = tree.xattrsOf(inode)
  return {
    type,
    mode: tree.modeOf(inode),
    uid: tree.uidOf(inode),
    gid: tree.gidOf(inode),
    size: tree.sizeOf(inode),
    mtime: tree.mtimeOf(inode),
    ...(type === 'symlink' ? { link: target ?? '' } : {}),
    ...((type === 'character' || type === 'block') && target !== undefined ? { device: target } : {}),
    ...(tree.has(version, HARD_LINK) ? { hardLinkTo: tree.targetOf(version) ?? '' } : {}),
    ...(xattrs === undefined ? {} : { xattrs: decodeXattrs(xattrs) }),
    ...(tree.has(version, IMPLIED) ? { implied: true } : {}),
    ...(tree.has(version, OPAQUE) ? { opaque: true } : {}),
  }
}

/** Which versions are some file’s bytes when all layers are stacked: a hard link keeps its file’s. */
export const liveInodes = (tree: LayerTree, stacked?: Stacked): Uint8Array => {
  const live = new Uint8Array(tree.versions)
  for (const { step, visible } of walkTree(tree, stacked))
    if (step === 'enter' && visible !== NO_VERSION) {
      const inode = inodeOf(tree, visible, stacked)
      if (inode !== NO_VERSION) live[inode] = 1
    }
  return live
}

/** What differs between two inodes, by name; empty if nothing but the time. `content` is not looked at. */
export const differences = (tree: LayerTree, a: Version, b: Version): Difference[] => {
  const found: Difference[] = []
  if (tree.kindOf(a) !== tree.kindOf(b)) return ['type']
  // symlink(7): the mode of a symbolic link means nothing, and is always 0777 on the disk
  if (tree.modeOf(a) !== tree.modeOf(b) && KINDS[tree.kindOf(a)] !== 'symlink') found.push('mode')
  if (tree.uidOf(a) !== tree.uidOf(b) || tree.gidOf(a) !== tree.gidOf(b)) found.push('owner')
  if (tree.xattrsOf(a) !== tree.xattrsOf(b)) found.push('xattrs')
  if (tree.targetOf(a) !== tree.targetOf(b)) found.push(KINDS[tree.kindOf(a)] === 'symlink' ? 'link' : 'device')
  if (tree.sizeOf(a) !== tree.sizeOf(b)) found.push('size')
  return found
}

export type Difference = 'type' | 'mode' | 'owner' | 'xattrs' | 'link' | 'device' | 'size' | 'content'

export const visibleAt = (tree: LayerTree, node: Node, stacked?: Stacked): Version => settleAt(tree, node, stacked).visible
