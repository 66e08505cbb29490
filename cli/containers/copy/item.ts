/** A thing that is copied. */
import type { EntryType } from '../../../image/layer/entry.ts'

export interface Item {
  /** Where it is to be, from the folder that is copied into: no slash at the ends; empty: that folder itself. */
  readonly path: string
  readonly type: EntryType
  /** 0…0o7777 */
  readonly mode: number
  /** As its own tree calls them. */
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Bytes; 0 for all but files. */
  readonly size: number
  /** Symlink: what it says. Hard link: `path` of the item that it is another name of. */
  readonly link?: string
  readonly major?: number
  readonly minor?: number
  readonly xattrs: ReadonlyMap<string, Uint8Array>
}

/** An item that can be read. */
export interface SourceItem extends Item {
  /** Of a file or folder: a descriptor for reading, good until the next item is asked for. */
  readonly fd?: number
}

/** Told of what cannot be copied. */
export type OnSkip = (path: string, why: string) => void
