/**
 * What every layer of an image has at every path, in columns: a version per (path, layer). Layers may be fed in any order and side by
 * side; what is visible when all are stacked is worked out afterwards (changes.ts).
 */
import { WherryError } from '../../runtime/errors.ts'
import { Arena, float64, int32, uint16, uint8 } from './columns.ts'
import { type Attributes, DIRECTORY, FILE, NONE } from './entry.ts'
import { encodeBytes, decodeBytes } from '../layer/bytes.ts'
import { NO_NODE, type Node, PathTrie, ROOT } from './path-trie.ts'

/** The number of a version. */
export type Version = number
export const NO_VERSION: Version = -1

/** A file that unpacking may have copied from a lower layer, for a hard link to it. */
export const COPY = 1
/** What lower layers have beneath this folder is hidden. Whiteouts are of the kind NONE. */
export const OPAQUE = 2
/** A folder that the layer has no entry for: it is there because something beneath it is. */
export const IMPLIED = 4
/** A hard link: `target` is the path of the file. */
export const HARD_LINK = 8

/** Versions one analysis keeps: some 80 bytes each with their paths. */
const MOST_VERSIONS = 16_000_000
/** Bytes of link texts and extended attributes one analysis keeps. */
const MOST_TEXT = 512 * 1024 * 1024
const HASH = 16

const LONGEST_LINK = 0xffff
const NOTHING = Buffer.alloc(0)

interface Rights {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly xattrs: string | undefined
}

/** Of a folder that unpacking makes for what is in it. */
const FRESH_FOLDER = { kind: DIRECTORY, mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 }

const BARE = { kind: FILE, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0 }

/** In the order of a walk: folder by folder, by the bytes of names. */
const comesBefore = (path: string, other: string): boolean =>
  Buffer.compare(encodeBytes(path.replaceAll('/', '\0')), encodeBytes(other.replaceAll('/', '\0'))) < 0

export class LayerTree {
  readonly paths = new PathTrie()
  readonly #texts = new Arena()
  #count = 0
  /** Of each node, its newest version + 1. */
  readonly #newest = int32()
  readonly #nodes = int32()
  /** The next older version + 1. */
  readonly #older = int32()
  readonly #layers = uint16()
  readonly #kinds = uint8()
  readonly #flags = uint8()
  readonly #mtimes = float64()
  readonly #sizes = float64()
  /** Address and length of a link’s text. */
  readonly #targets = int32()
  readonly #targetLengths = uint16()
  /** Mode, owner and extended attributes: few inodes have their own. */
  readonly #rights = int32()
  readonly #knownRights: Rights[] = [{ mode: 0, uid: 0, gid: 0, xattrs: undefined }]
  readonly #rightsByText = new Map<string, number>()
  /** Address + 1 of the 16 bytes that are kept of a content’s SHA-256. */
  readonly #hashes = int32()
  #textOfRights = 0

  get versions(): number {
    return this.#count
  }

  /** An entry of the layer; a second one for the same path replaces the first, as when a tar archive is unpacked. */
  add(path: string, layer: number, attributes: Attributes, flags = 0): Version {
    return this.#set(this.paths.add(path), layer, attributes, flags)
  }

  /** As if the layer had never had it. */
  drop(version: Version): void {
    this.#unlink(version)
  }

  /**
   * A further name of a file. In one layer the first of the names, as a walk of the folder meets them, is the one that has the file:
   * so it does not matter in which order an archive has them. `exactly`: it is `target`.
   */
  addHardLink(path: string, layer: number, target: string, { exactly = false }: { readonly exactly?: boolean } = {}): Version {
    const node = this.paths.add(path)
    const first = this.paths.find(target)
    const file = first === NO_NODE || first === node ? NO_VERSION : this.at(first, layer)
    if (exactly || file === NO_VERSION || this.kindOf(file) !== FILE || this.has(file, HARD_LINK) || !comesBefore(path, target))
      return this.#set(node, layer, { ...BARE, target }, HARD_LINK)
    const { mode, uid, gid, xattrs } = this.#rightsOf(file)
    const rights = { mode, uid, gid, ...(xattrs === undefined ? {} : { xattrs }) }
    const version = this.#set(node, layer, { kind: FILE, ...rights, mtime: this.mtimeOf(file), size: this.sizeOf(file) }, 0)
    this.#hashes.set(version, this.#hashes.get(file))
    this.#set(first, layer, { ...BARE, target: path }, HARD_LINK)
    return version
  }

  /** Nothing is hidden where the layer has already put something that is no folder, nor in such a thing. */
  whiteout(path: string, layer: number): void {
    const node = this.paths.add(path)
    if (node === ROOT || !this.#isFolderOrNothing(this.paths.parent(node), layer)) return
    this.#imply(node, layer)
    const version = this.at(node, layer)
    if (version === NO_VERSION) this.#append(node, layer, NONE, 0)
    else if (this.kindOf(version) === DIRECTORY) this.#flags.set(version, this.#flags.get(version) | OPAQUE)
  }

  opaque(path: string, layer: number): void {
    const node = this.paths.add(path)
    if (!this.#isFolderOrNothing(node, layer)) return
    this.#imply(node, layer)
    this.#implyOne(node, layer)
    const version = this.at(node, layer)
    this.#flags.set(version, this.#flags.get(version) | OPAQUE)
  }

  #isFolderOrNothing(from: Node, layer: number): boolean {
    for (let node = from; node !== NO_NODE; node = this.paths.parent(node)) {
      const version = this.at(node, layer)
      const kind = version === NO_VERSION ? DIRECTORY : this.kindOf(version)
      if (kind !== DIRECTORY && kind !== NONE) return false
    }
    return true
  }

  /** The node’s version of this layer. */
  at(node: Node, layer: number): Version {
    let version = this.newestOf(node)
    while (version !== NO_VERSION && this.#layers.get(version) > layer) version = this.olderThan(version)
    return version !== NO_VERSION && this.#layers.get(version) === layer ? version : NO_VERSION
  }

  /** Of the highest layer that has one; `olderThan` leads on. */
  newestOf(node: Node): Version {
    return this.#newest.get(node) - 1
  }

  olderThan(version: Version): Version {
    return this.#older.get(version) - 1
  }

  nodeOf(version: Version): Node {
    return this.#nodes.get(version)
  }

  layerOf(version: Version): number {
    return this.#layers.get(version)
  }

  kindOf(version: Version): number {
    return this.#kinds.get(version)
  }

  has(version: Version, flag: number): boolean {
    return (this.#flags.get(version) & flag) !== 0
  }

  sizeOf(version: Version): number {
    return this.#sizes.get(version)
  }

  modeOf(version: Version): number {
    return this.#rightsOf(version).mode
  }

  uidOf(version: Version): number {
    return this.#rightsOf(version).uid
  }

  gidOf(version: Version): number {
    return this.#rightsOf(version).gid
  }

  /** Canonical: `encodeXattrs`. */
  xattrsOf(version: Version): string | undefined {
    return this.#rightsOf(version).xattrs
  }

  mtimeOf(version: Version): number {
    return this.#mtimes.get(version)
  }

  targetOf(version: Version): string | undefined {
    const length = this.#targetLengths.get(version)
    return length === 0 ? undefined : decodeBytes(this.#texts.slice(this.#targets.get(version), length))
  }

  /** `undefined` where it was not hashed. */
  hashOf(version: Version): string | undefined {
    const address = this.#hashes.get(version) - 1
    return address < 0 ? undefined : this.#texts.slice(address, HASH).toString('hex')
  }

  setHash(version: Version, hash: Uint8Array): void {
    this.#hashes.set(version, this.#texts.put(Buffer.from(hash), 0, HASH) + 1)
  }

  #rightsOf(version: Version): Rights {
    return this.#knownRights[this.#rights.get(version)]!
  }

  #set(node: Node, layer: number, attributes: Attributes, flags: number): Version {
    if (node === ROOT && attributes.kind !== DIRECTORY) throw new WherryError('invalid-argument', 'the root folder of a layer is no folder')
    this.#imply(node, layer)
    let version = this.at(node, layer)
    if (version === NO_VERSION) version = this.#append(node, layer, attributes.kind, flags)
    else {
      if (this.kindOf(version) === DIRECTORY && attributes.kind !== DIRECTORY) this.#clear(node, layer)
      this.#flags.set(version, attributes.kind === DIRECTORY ? flags | this.#hidesStill(version) : flags)
      this.#kinds.set(version, attributes.kind)
    }
    this.#mtimes.set(version, attributes.mtime)
    this.#sizes.set(version, attributes.size)
    this.#rights.set(version, this.#rightsFor(attributes))
    const target = attributes.target === undefined ? NOTHING : encodeBytes(attributes.target)
    if (target.length > LONGEST_LINK) throw new WherryError('resource-exhausted', `a link of ${target.length} bytes`)
    this.#targetLengths.set(version, target.length)
    if (target.length > 0) this.#targets.set(version, this.#put(target))
    if (this.#hashes.get(version) !== 0) this.#hashes.set(version, 0)
    return version
  }

  #put(text: Buffer): number {
    this.#checkText()
    return this.#texts.put(text)
  }

  #checkText(): void {
    if (this.#texts.size + this.#textOfRights > MOST_TEXT)
      throw new WherryError(
        'resource-exhausted',
        `more than ${MOST_TEXT} bytes of links and extended attributes in the layers: too many to compare`,
      )
  }

  #rightsFor({ mode, uid, gid, xattrs }: Attributes): number {
    const key = `${mode} ${uid} ${gid} ${xattrs ?? ''}`
    const known = this.#rightsByText.get(key)
    if (known !== undefined) return known
    this.#textOfRights += 200 + 2 * key.length
    this.#checkText()
    this.#rightsByText.set(key, this.#knownRights.length)
    return this.#knownRights.push({ mode, uid, gid, xattrs }) - 1
  }

  /** The folders above: whoever has a version in this layer has one in each of them, or is a whiteout. */
  #imply(node: Node, layer: number): void {
    for (let above = this.paths.parent(node); above !== NO_NODE; above = this.paths.parent(above)) if (!this.#implyOne(above, layer)) return
  }

  /** False if the folder was there. */
  #implyOne(node: Node, layer: number): boolean {
    const version = this.at(node, layer)
    if (version === NO_VERSION) this.#append(node, layer, DIRECTORY, IMPLIED)
    else if (this.kindOf(version) !== DIRECTORY) {
      // hidden first, filled then: it takes nothing from the layers below, so it is a folder of its own
      this.#set(node, layer, FRESH_FOLDER, 0)
    } else return false
    return true
  }

  #append(node: Node, layer: number, kind: number, flags: number): Version {
    if (this.#count >= MOST_VERSIONS)
      throw new WherryError('resource-exhausted', `more than ${MOST_VERSIONS} entries in the layers: too many to compare`)
    const version = this.#count++
    this.#layers.set(version, layer)
    this.#kinds.set(version, kind)
    this.#flags.set(version, flags)
    this.#link(version, node)
    return version
  }

  /** Into the node’s list, newest first. */
  #link(version: Version, node: Node): void {
    this.#nodes.set(version, node)
    let newer = NO_VERSION
    let next = this.newestOf(node)
    while (next !== NO_VERSION && this.#layers.get(next) > this.#layers.get(version)) {
      newer = next
      next = this.olderThan(next)
    }
    this.#older.set(version, next + 1)
    if (newer === NO_VERSION) this.#newest.set(node, version + 1)
    else this.#older.set(newer, version + 1)
  }

  #unlink(version: Version): void {
    const node = this.#nodes.get(version)
    let newer = NO_VERSION
    for (let at = this.newestOf(node); at !== version; at = this.olderThan(at)) newer = at
    if (newer === NO_VERSION) this.#newest.set(node, this.#older.get(version))
    else this.#older.set(newer, this.#older.get(version))
  }

  /** What an earlier entry of the layer has hidden stays hidden when a folder takes its place. */
  #hidesStill(version: Version): number {
    return this.kindOf(version) === DIRECTORY ? this.#flags.get(version) & OPAQUE : OPAQUE
  }

  /** What came before beneath a folder is gone when something else takes its place. */
  #clear(folder: Node, layer: number): void {
    for (const child of this.paths.children(folder)) {
      const version = this.at(child, layer)
      if (version === NO_VERSION) continue
      this.#unlink(version)
      this.#clear(child, layer)
    }
  }

  /** As if the layer had had it there. Onto a folder, a folder merges. */
  move(version: Version, path: string): void {
    this.#unlink(version)
    const layer = this.#layers.get(version)
    const node = this.paths.add(path)
    this.#imply(node, layer)
    const there = this.at(node, layer)
    if (there === NO_VERSION) this.#link(version, node)
    else if (this.kindOf(version) === DIRECTORY && this.kindOf(there) === DIRECTORY)
      this.#flags.set(there, this.#flags.get(there) | (this.#flags.get(version) & OPAQUE))
    else {
      this.#unlink(there)
      this.#link(version, node)
    }
  }

  /** Another file for a hard link. */
  retarget(version: Version, target: string): void {
    const text = encodeBytes(target)
    this.#targetLengths.set(version, text.length)
    this.#targets.set(version, this.#put(text))
  }
}
