/** Fills a LayerTree from a layer’s blob as it comes by; nothing of it is kept. */
import { createHash } from 'node:crypto'
import { WherryError } from '../../runtime/errors.ts'
import { entryReader } from '../layer/entries.ts'
import type { Entry } from '../layer/entry.ts'
import { Inflate } from '../layer/inflate.ts'
import { DEFAULT_LIMITS, type LayerLimits, limitExceeded } from '../layer/limits.ts'
import type { Sink } from '../layer/tar/body.ts'
import { type Attributes, encodeXattrs, KINDS, SYMLINK } from './entry.ts'
import { type LayerTree, NO_VERSION, type Version } from './layer-tree.ts'
import { NO_NODE } from './path-trie.ts'

export interface FeedOptions {
  /** Hash the contents of files, for comparing them later. Costs about a second a gigabyte. */
  readonly hash?: boolean
  /** Only these paths are kept. */
  readonly wanted?: (path: string) => boolean
  /** False: nothing beneath the folder can be wanted. A walk leaves it out; a stream cannot. */
  readonly into?: (folder: string) => boolean
  readonly limits?: LayerLimits
  readonly signal?: AbortSignal
}

const NANOSECONDS = 1_000_000_000n

/** To what a number of seconds can hold, whichever way it was come by. */
export const toMicroseconds = (seconds: number): number => Math.round(seconds * 1e6) / 1e6

const seconds = (nanoseconds: bigint): number => toMicroseconds(Number(nanoseconds / NANOSECONDS) + Number(nanoseconds % NANOSECONDS) / 1e9)

const attributesOf = (entry: Entry): Attributes => {
  const target = entry.type === 'symlink' ? entry.link : entry.major === undefined ? undefined : `${entry.major}:${entry.minor ?? 0}`
  const xattrs = entry.xattrs.size === 0 ? undefined : encodeXattrs(entry.xattrs)
  return {
    kind: entry.type === 'hardlink' ? KINDS.indexOf('file') : KINDS.indexOf(entry.type),
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: seconds(entry.mtime),
    size: entry.size,
    ...(target === undefined ? {} : { target }),
    ...(xattrs === undefined ? {} : { xattrs }),
  }
}

/** One entry, without its content, at `path`. Its version, if it is more than a whiteout. */
const feedEntry = (tree: LayerTree, layer: number, entry: Entry, path: string, link: string | undefined): Version | undefined => {
  let version: Version | undefined
  if (entry.exists)
    version = entry.type === 'hardlink' ? tree.addHardLink(path, layer, link ?? '') : tree.add(path, layer, attributesOf(entry))
  if (entry.whiteout === 'hidden') tree.whiteout(path, layer)
  else if (entry.whiteout === 'opaque') tree.opaque(path, layer)
  return version
}

const MOST_LINKS = 40

/** Where entries come to be: a layer’s own symbolic links are followed in the folders of a path, as they are when it is unpacked. */
class Places {
  readonly #tree: LayerTree
  readonly #layer: number
  #folder = ''
  #place = ''

  constructor(tree: LayerTree, layer: number) {
    this.#tree = tree
    this.#layer = layer
  }

  of(path: string): string {
    const slash = path.lastIndexOf('/')
    if (slash < 0) return path
    const folder = path.slice(0, slash)
    if (folder !== this.#folder) {
      this.#place = this.#follow(folder)
      this.#folder = folder
    }
    return this.#place === '' ? path.slice(slash + 1) : `${this.#place}${path.slice(slash)}`
  }

  /** What has been found out may not be so any more. */
  forget(): void {
    this.#folder = this.#place = ''
  }

  #follow(folder: string): string {
    const todo = folder.split('/').reverse()
    let done: string[] = []
    for (let links = 0; todo.length > 0 && links <= MOST_LINKS; ) {
      const name = todo.pop()!
      if (name === '' || name === '.') continue
      if (name === '..') {
        done.pop()
        continue
      }
      done.push(name)
      const node = this.#tree.paths.find(done.join('/'))
      const version = node === NO_NODE ? NO_VERSION : this.#tree.at(node, this.#layer)
      if (version === NO_VERSION || this.#tree.kindOf(version) !== SYMLINK) continue
      const target = this.#tree.targetOf(version) ?? ''
      if (target.startsWith('/')) done = []
      else done.pop()
      todo.push(...target.split('/').reverse())
      links++
    }
    return done.join('/')
  }
}

/** Zeros that holes are hashed as, of one layer. A file that needs more stays without a hash. */
const MOST_ZEROS = 16 * 1024 ** 3
const ZEROS = Buffer.alloc(64 * 1024)

/** Hashes contents, holes as the zeros they are read as. */
class Hasher implements Sink {
  readonly #hash = createHash('sha256')
  readonly #size: number
  readonly #done: (hash: Uint8Array | undefined) => void
  readonly #spend: (zeros: number) => boolean
  #at = 0
  #given = true

  constructor(size: number, spend: (zeros: number) => boolean, done: (hash: Uint8Array | undefined) => void) {
    this.#size = size
    this.#spend = spend
    this.#done = done
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#zeros(offset - this.#at)
    if (this.#given) this.#hash.update(bytes)
    this.#at = offset + bytes.length
  }

  close(): void {
    this.#zeros(this.#size - this.#at)
    this.#done(this.#given ? this.#hash.digest() : undefined)
  }

  #zeros(count: number): void {
    this.#given &&= count === 0 || this.#spend(count)
    if (this.#given)
      for (let left = count; left > 0; left -= ZEROS.length) this.#hash.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)))
  }
}

/** How many uncompressed bytes may come before their ratio to the compressed ones counts. */
const RATIO_FREE = 1024 ** 3

export interface BlobLayer {
  /** As messages name it: `docker.io/library/alpine:3.19: layer sha256:…`. */
  readonly name: string
  readonly mediaType: string
  /** Compressed or not, from the beginning. */
  readonly bytes: AsyncIterable<Uint8Array>
}

/** All entries of a layer’s blob. Throws `invalid-argument`, `resource-exhausted`, and what the bytes throw. */
export const feedBlob = async (tree: LayerTree, layer: number, blob: BlobLayer, options: FeedOptions = {}): Promise<void> => {
  const limits = options.limits ?? DEFAULT_LIMITS
  const places = new Places(tree, layer)
  const links = new Places(tree, layer)
  let zeros = 0
  const spend = (count: number): boolean => {
    zeros += count
    return zeros <= MOST_ZEROS
  }
  const reader = entryReader(limits, (entry) => {
    const path = places.of(entry.path)
    if (options.wanted?.(path) === false) return undefined
    const version = feedEntry(
      tree,
      layer,
      entry,
      path,
      entry.link === undefined || entry.type !== 'hardlink' ? undefined : links.of(entry.link),
    )
    if (entry.type === 'symlink') {
      places.forget()
      links.forget()
    }
    if (options.hash !== true || version === undefined || entry.type !== 'file' || entry.size === 0) return undefined
    return new Hasher(entry.size, spend, (hash) => {
      if (hash !== undefined) tree.setHash(version, hash)
    })
  })
  let went = 0
  let came = 0
  const inflate = new Inflate(blob.mediaType, (bytes) => {
    came += bytes.length
    if (came > limits.bytes) throw limitExceeded(limits, 'bytes')
    if (came > RATIO_FREE && came > went * limits.ratio) throw limitExceeded(limits, 'ratio')
    reader.push(bytes)
  })
  try {
    for await (const chunk of blob.bytes) {
      options.signal?.throwIfAborted()
      went += chunk.length
      await inflate.pushAside(chunk)
    }
    inflate.end()
    reader.end()
  } catch (error) {
    if (error instanceof WherryError && error.message.startsWith('layer: '))
      throw new WherryError(error.kind, `${blob.name}: ${error.message.slice('layer: '.length)}`, { cause: error })
    throw error
  } finally {
    inflate.close()
  }
}
