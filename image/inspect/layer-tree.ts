/**
 * What every layer of an image has at every path, in columns: a version per (path, layer). Layers may be fed in any order and side by
 * side; what is visible when all are stacked is worked out afterwards (changes.ts).
 */
import { WherryError } from '../../runtime/errors.ts'
import { capacityFor, grown, TextArena } from './columns.ts'
import { type Attributes, DIRECTORY, FILE, NONE } from './entry.ts'
import { encodeBytes, decodeBytes } from '../layer/bytes.ts'
import { NO_NODE, type Node, PathTrie, ROOT } from './path-trie.ts'

/** The number of a version. */
export type Version = number
export const NO_VERSION: Version = -1

/** What lower layers have here is hidden; with a kind other than NONE, something new takes its place. */
export const WHITEOUT = 1
/** What lower layers have beneath this folder is hidden. */
export const OPAQUE = 2
/** A folder that the layer has no entry for: it is there because something beneath it is. */
export const IMPLIED = 4
/** A hard link: `target` is the path of the file. */
export const HARD_LINK = 8

/** Versions one analysis keeps: some 90 bytes each with their paths. */
const MOST_VERSIONS = 16_000_000
/** Bytes of link texts and extended attributes one analysis keeps. */
const MOST_TEXT = 512 * 1024 * 1024
const HASH = 16

export class LayerTree {
  readonly paths = new PathTrie()
  private readonly texts = new TextArena()
  private count = 0
  private rows = 0
  private newest = new Int32Array(1024).fill(NO_VERSION)
  private nodes = new Int32Array(0)
  private older = new Int32Array(0)
  private layers = new Uint16Array(0)
  private kinds = new Uint8Array(0)
  private flags = new Uint8Array(0)
  private modes = new Uint16Array(0)
  private uids = new Uint32Array(0)
  private gids = new Uint32Array(0)
  private mtimes = new Float64Array(0)
  private sizes = new Float64Array(0)
  private targets = new Uint32Array(0)
  private targetLengths = new Uint16Array(0)
  private xattrs = new Uint32Array(0)
  private xattrLengths = new Uint32Array(0)
  /** 16 bytes of SHA-256 a version, where contents were hashed; zeros where not. */
  private hashes = new Uint8Array(0)

  get versions(): number {
    return this.count
  }

  /** An entry of the layer; a second one for the same path replaces the first, as when a tar archive is unpacked. */
  add(path: string, layer: number, attributes: Attributes): Version {
    return this.set(this.paths.add(path), layer, attributes, 0)
  }

  addHardLink(path: string, layer: number, target: string): Version {
    const node = this.paths.add(path)
    const attributes = { kind: FILE, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0, target }
    return this.set(node, layer, attributes, HARD_LINK)
  }

  whiteout(path: string, layer: number): void {
    const node = this.paths.add(path)
    if (node === ROOT) return
    this.imply(node, layer)
    const version = this.at(node, layer)
    if (version !== NO_VERSION) this.flags[version]! |= WHITEOUT
    else this.append(node, layer, NONE, WHITEOUT)
  }

  opaque(path: string, layer: number): void {
    const node = this.paths.add(path)
    this.imply(node, layer)
    const version = this.at(node, layer)
    if (version === NO_VERSION) this.append(node, layer, DIRECTORY, OPAQUE | IMPLIED)
    else this.flags[version]! |= OPAQUE
  }

  /** The folder is there in the layer, but nothing is said of its mode or owner. */
  implied(path: string, layer: number): void {
    const node = this.paths.add(path)
    this.imply(node, layer)
    this.implyOne(node, layer)
  }

  /** The node’s version of this layer. */
  at(node: Node, layer: number): Version {
    let version = this.newestOf(node)
    while (version !== NO_VERSION && this.layers[version]! > layer) version = this.older[version]!
    return version !== NO_VERSION && this.layers[version] === layer ? version : NO_VERSION
  }

  /** Of the highest layer that has one; `olderThan` leads on. */
  newestOf(node: Node): Version {
    return node < this.newest.length ? this.newest[node]! : NO_VERSION
  }

  olderThan(version: Version): Version {
    return this.older[version]!
  }

  nodeOf(version: Version): Node {
    return this.nodes[version]!
  }

  layerOf(version: Version): number {
    return this.layers[version]!
  }

  kindOf(version: Version): number {
    return this.kinds[version]!
  }

  has(version: Version, flag: number): boolean {
    return (this.flags[version]! & flag) !== 0
  }

  sizeOf(version: Version): number {
    return this.sizes[version]!
  }

  modeOf(version: Version): number {
    return this.modes[version]!
  }

  uidOf(version: Version): number {
    return this.uids[version]!
  }

  gidOf(version: Version): number {
    return this.gids[version]!
  }

  mtimeOf(version: Version): number {
    return this.mtimes[version]!
  }

  targetOf(version: Version): string | undefined {
    const length = this.targetLengths[version]!
    if (length === 0) return undefined
    const from = this.targets[version]!
    return decodeBytes(this.texts.raw.subarray(from, from + length))
  }

  xattrsOf(version: Version): string | undefined {
    const length = this.xattrLengths[version]!
    return length === 0 ? undefined : this.texts.text(this.xattrs[version]!, length)
  }

  /** `undefined` where it was not hashed. */
  hashOf(version: Version): string | undefined {
    const bytes = this.hashes.subarray(version * HASH, (version + 1) * HASH)
    return bytes.some((byte) => byte !== 0) ? Buffer.from(bytes).toString('hex') : undefined
  }

  setHash(version: Version, hash: Uint8Array): void {
    this.hashes = grown(this.hashes, this.rows * HASH)
    this.hashes.set(hash.subarray(0, HASH), version * HASH)
  }

  private set(node: Node, layer: number, attributes: Attributes, flags: number): Version {
    if (node === ROOT && attributes.kind !== DIRECTORY) throw new WherryError('invalid-argument', 'the root folder of a layer is no folder')
    this.imply(node, layer)
    let version = this.at(node, layer)
    if (version === NO_VERSION) version = this.append(node, layer, attributes.kind, flags)
    else {
      const hides = this.flags[version]! & (attributes.kind === DIRECTORY ? WHITEOUT | OPAQUE : WHITEOUT)
      this.flags[version] = flags | hides
      this.kinds[version] = attributes.kind
    }
    this.modes[version] = attributes.mode
    this.uids[version] = attributes.uid
    this.gids[version] = attributes.gid
    this.mtimes[version] = attributes.mtime
    this.sizes[version] = attributes.size
    const target = encodeBytes(attributes.target ?? '')
    const xattrs = Buffer.from(attributes.xattrs ?? '')
    if (target.length > 0xffff || this.texts.length + target.length + xattrs.length > MOST_TEXT)
      throw new WherryError(
        'resource-exhausted',
        `links and extended attributes of more than ${MOST_TEXT} bytes, or a link of ${target.length}`,
      )
    this.targetLengths[version] = target.length
    this.targets[version] = target.length === 0 ? 0 : this.texts.put(target)
    this.xattrLengths[version] = xattrs.length
    this.xattrs[version] = xattrs.length === 0 ? 0 : this.texts.put(xattrs)
    if (this.hashes.length > version * HASH) this.hashes.fill(0, version * HASH, (version + 1) * HASH)
    return version
  }

  /** The folders above: whoever has a version in this layer has one in each of them, or is a whiteout. */
  private imply(node: Node, layer: number): void {
    for (let above = this.paths.parent(node); above !== NO_NODE; above = this.paths.parent(above)) if (!this.implyOne(above, layer)) return
  }

  /** False if the folder was there. */
  private implyOne(node: Node, layer: number): boolean {
    const version = this.at(node, layer)
    if (version === NO_VERSION) this.append(node, layer, DIRECTORY, IMPLIED)
    else if (this.kinds[version] !== DIRECTORY) {
      this.kinds[version] = DIRECTORY
      this.flags[version] = IMPLIED | (this.flags[version]! & WHITEOUT)
      this.sizes[version] = 0
      this.targetLengths[version] = 0
      this.xattrLengths[version] = 0
    } else return false
    return true
  }

  private append(node: Node, layer: number, kind: number, flags: number): Version {
    if (this.count >= MOST_VERSIONS)
      throw new WherryError('resource-exhausted', `more than ${MOST_VERSIONS} entries in the layers: too many to compare`)
    const version = this.count++
    if (version >= this.rows) this.reserve(version + 1)
    if (node >= this.newest.length) {
      const had = this.newest.length
      this.newest = grown(this.newest, capacityFor(had, node + 1)).fill(NO_VERSION, had)
    }
    this.nodes[version] = node
    this.layers[version] = layer
    this.kinds[version] = kind
    this.flags[version] = flags
    let newer = NO_VERSION
    let next = this.newest[node]!
    while (next !== NO_VERSION && this.layers[next]! > layer) {
      newer = next
      next = this.older[next]!
    }
    this.older[version] = next
    if (newer === NO_VERSION) this.newest[node] = version
    else this.older[newer] = version
    return version
  }

  private reserve(wanted: number): void {
    const rows = capacityFor(this.rows, wanted)
    this.nodes = grown(this.nodes, rows)
    this.older = grown(this.older, rows)
    this.layers = grown(this.layers, rows)
    this.kinds = grown(this.kinds, rows)
    this.flags = grown(this.flags, rows)
    this.modes = grown(this.modes, rows)
    this.uids = grown(this.uids, rows)
    this.gids = grown(this.gids, rows)
    this.mtimes = grown(this.mtimes, rows)
    this.sizes = grown(this.sizes, rows)
    this.targets = grown(this.targets, rows)
    this.targetLengths = grown(this.targetLengths, rows)
    this.xattrs = grown(this.xattrs, rows)
    this.xattrLengths = grown(this.xattrLengths, rows)
    if (this.hashes.length > 0) this.hashes = grown(this.hashes, rows * HASH)
    this.rows = rows
  }
}
