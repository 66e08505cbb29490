/** One thing a layer says about the file system, whatever dialect of tar it was written in: OCI image-spec layer.md. */

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo'

/** `hidden`: nothing below is seen at `path`. `opaque`: the folder at `path` shows nothing of the layers below. */
export type Whiteout = 'hidden' | 'opaque'

/**
 * Names are strings in which a byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF (see bytes.ts), so that any name comes
 * out as it went in.
 */
export interface Entry {
  /** Clean and relative: no leading or trailing slash, no empty part, `.` or `..`. Empty: the root itself. Of a whiteout: what is hidden. */
  readonly path: string
  /** Of a whiteout without a folder’s attributes (`.wh.x`, `.wh..wh..opq`): `file`. */
  readonly type: EntryType
  /** Permission bits with set-id and sticky, 0…0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970; may be negative. */
  readonly mtime: bigint
  /** Bytes of the file as it is read, with its holes; 0 for all other types. */
  readonly size: number
  /** Symlink: its target as it stands. Hard link: clean path of the other name, relative to the root. */
  readonly link?: string
  readonly major?: number
  readonly minor?: number
  /** By full name: `security.capability`. Never overlayfs’ own. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  readonly whiteout?: Whiteout
  /** False if the entry is nothing but a whiteout; a folder can be both (overlay’s opaque attribute on a folder’s own entry). */
  readonly exists: boolean
}

/** As `readEntries` yields them. */
export interface StreamedEntry extends Entry {
  /** The file’s content, holes as zeros. What was not read of it is passed over when the next entry is asked for. */
  readonly body: AsyncIterable<Uint8Array>
}

/** Nothing of it depends on the layers below. */
export const stands = ({ implied, links, root, opaque }: LayerFacts): boolean =>
  implied.length === 0 && links.length === 0 && root && !opaque

/** What a layer turned out to be; plain data, kept in layer.json. */
export interface LayerFacts {
  /** Bytes of the files, holes not counted. */
  readonly size: number
  /** Entries of the archive, whiteouts included. */
  readonly entries: number
  /** Folders that the layer has things in, but no entry for, outer ones first; not the root. They have the attributes of the layers below. */
  readonly implied: readonly string[]
  /** Hard links whose other name is in a layer below. */
  readonly links: readonly { readonly path: string; readonly target: string }[]
  /** There is an entry for the root; if not, it is as in the layers below. */
  readonly root: boolean
  /** Nothing at all is seen of the layers below. */
  readonly opaque: boolean
  /** Device nodes that could not be made for want of rights, in a user namespace. */
  readonly skipped: readonly string[]
}
