/** All paths of all layers of an image, each folder's name once: some 40 bytes a path and its own name. */
import { randomInt } from 'node:crypto'
import { WherryError } from '../../runtime/errors.ts'
import { Arena, int32, uint16 } from './columns.ts'
import { encodeBytes, decodeBytes } from '../layer/bytes.ts'

/** The number of a path in its trie; 0 is the root folder. */
export type Node = number

export const ROOT: Node = 0
export const NO_NODE: Node = -1

/** PATH_MAX: what no system call takes, no unpacker makes. */
const LONGEST = 4096

const SLASH = 0x2f

export class PathTrie {
  readonly #names = new Arena()
  readonly #parents = int32()
  readonly #addresses = int32()
  readonly #lengths = uint16()
  readonly #firstChild = int32()
  readonly #nextSibling = int32()
  /** Open addressing over (parent, name); a slot holds node + 1. */
  #table = new Int32Array(4096)
  #count = 1
  /** Names are the image’s choice: it must not know which of them collide. */
  readonly #seed = randomInt(0x7fffffff)
  readonly #scratch = Buffer.alloc(LONGEST * 3)

  /** Nodes there are, the root included. */
  get size(): number {
    return this.#count
  }

  /** The node of a clean relative path (`etc/passwd`; empty for the root), made if it is not there. */
  add(path: string): Node {
    return this.#resolve(path, true)
  }

  /** The innermost folder of the path that any layer has, or the path itself. */
  nearest(path: string): Node {
    return this.#resolve(path, false, true)
  }

  /** `NO_NODE` if no layer has it. */
  find(path: string): Node {
    return this.#resolve(path, false)
  }

  parent(node: Node): Node {
    return node === ROOT ? NO_NODE : this.#parents.get(node)
  }

  name(node: Node): string {
    return decodeBytes(this.#names.slice(this.#addresses.get(node), this.#lengths.get(node)))
  }

  path(node: Node): string {
    const parts: string[] = []
    for (let at = node; at !== ROOT; at = this.#parents.get(at)) parts.push(this.name(at))
    return parts.reverse().join('/')
  }

  /** By their names’ bytes. */
  children(node: Node): Node[] {
    const nodes: Node[] = []
    for (let child = this.#firstChild.get(node); child !== 0; child = this.#nextSibling.get(child)) nodes.push(child)
    return nodes.length < 2
      ? nodes
      : nodes.sort((a, b) =>
          this.#names.compare(this.#addresses.get(a), this.#lengths.get(a), this.#addresses.get(b), this.#lengths.get(b)),
        )
  }

  #resolve(path: string, make: boolean, nearest = false): Node {
    if (path.length > LONGEST) throw new WherryError('invalid-argument', `a path of ${path.length} characters: PATH_MAX is ${LONGEST}`)
    const end = path.isWellFormed() ? this.#scratch.write(path) : encodeBytes(path).copy(this.#scratch)
    let node = ROOT
    for (let from = 0; from < end; ) {
      let to = this.#scratch.indexOf(SLASH, from)
      if (to < 0 || to > end) to = end
      if (to > from) {
        const child = this.#child(node, from, to, make)
        if (child === NO_NODE) return nearest ? node : NO_NODE
        node = child
      }
      from = to + 1
    }
    return node
  }

  #child(parent: Node, from: number, to: number, make: boolean): Node {
    const mask = this.#table.length - 1
    let slot = this.#hash(parent, this.#scratch, from, to) & mask
    for (; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const node = this.#table[slot]! - 1
      if (
        this.#parents.get(node) === parent &&
        this.#lengths.get(node) === to - from &&
        this.#names.equals(this.#addresses.get(node), this.#scratch, from, to)
      )
        return node
    }
    if (!make) return NO_NODE
    const node = this.#count++
    this.#parents.set(node, parent)
    this.#addresses.set(node, this.#names.put(this.#scratch, from, to))
    this.#lengths.set(node, to - from)
    this.#nextSibling.set(node, this.#firstChild.get(parent))
    this.#firstChild.set(parent, node)
    this.#table[slot] = node + 1
    if (this.#count * 2 > this.#table.length) this.#rehash()
    return node
  }

  #hash(parent: Node, bytes: Uint8Array, from: number, to: number): number {
    let hash = Math.imul(parent ^ this.#seed, 0x9e3779b1)
    for (let at = from; at < to; at++) {
      hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
      hash ^= hash >>> 15
    }
    return hash >>> 0
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2)
    const mask = table.length - 1
    for (let node = 1; node < this.#count; node++) {
      const name = this.#names.slice(this.#addresses.get(node), this.#lengths.get(node))
      let slot = this.#hash(this.#parents.get(node), name, 0, name.length) & mask
      while (table[slot] !== 0) slot = (slot + 1) & mask
      table[slot] = node + 1
    }
    this.#table = table
  }
}
