/** Fills a LayerTree from the entries of a layer’s archive, as they come by; nothing of them is kept. */
import { createHash } from 'node:crypto'
import type { Entry, StreamedEntry } from '../layer/entry.ts'
import { type Attributes, encodeXattrs, KINDS } from './entry.ts'
import type { LayerTree } from './layer-tree.ts'

export interface FeedOptions {
  /** Hash the contents of files, for comparing them later. Costs about a second a gigabyte. */
  readonly hash?: boolean
  /** Only these paths are kept. */
  readonly wanted?: (path: string) => boolean
  /** False: nothing beneath the folder can be wanted. A walk leaves it out; a stream cannot. */
  readonly into?: (folder: string) => boolean
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

/** One entry, without its content. */
export const feedEntry = (tree: LayerTree, layer: number, entry: Entry, hash?: Uint8Array): void => {
  if (entry.exists) {
    if (entry.type === 'hardlink') tree.addHardLink(entry.path, layer, entry.link ?? '')
    else tree.add(entry.path, layer, attributesOf(entry), hash)
  }
  if (entry.whiteout === 'hidden') tree.whiteout(entry.path, layer)
  else if (entry.whiteout === 'opaque') tree.opaque(entry.path, layer)
}

/** All entries of a layer. */
export const feedEntries = async (
  tree: LayerTree,
  layer: number,
  entries: AsyncIterable<StreamedEntry>,
  options: FeedOptions = {},
): Promise<void> => {
  for await (const entry of entries) {
    options.signal?.throwIfAborted()
    if (options.wanted?.(entry.path) === false) continue
    if (options.hash !== true || entry.type !== 'file' || entry.size === 0) feedEntry(tree, layer, entry)
    else {
      const hash = createHash('sha256')
      for await (const chunk of entry.body) hash.update(chunk)
      feedEntry(tree, layer, entry, hash.digest())
    }
  }
}
