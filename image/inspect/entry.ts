/** What a layer has at a path, as both feeders (a walked folder, a tar stream) say it. */
import { createHash } from 'node:crypto'

export const KINDS = ['none', 'file', 'directory', 'symlink', 'character', 'block', 'fifo', 'socket'] as const
export type Kind = (typeof KINDS)[number]

/** File types as columns keep them: places in `KINDS`. */
export const NONE = 0
export const FILE = 1
export const DIRECTORY = 2
export const SYMLINK = 3
export const CHARACTER_DEVICE = 4
export const BLOCK_DEVICE = 5
export const FIFO = 6
export const SOCKET = 7

/** Plain facts of one inode. */
export interface Attributes {
  readonly kind: number
  /** Permissions with set-id and sticky bits: 0…07777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds, to a microsecond. */
  readonly mtime: number
  /** Bytes of a file; 0 for all else. */
  readonly size: number
  /** A symbolic link’s text; a device’s `major:minor`. */
  readonly target?: string
  /** Canonical: `encodeXattrs`. */
  readonly xattrs?: string
}

const LONGEST_VALUE = 1024

/** Extended attributes as one text that two equal sets share: names in order, values in base64url; `undefined` for none. */
export const encodeXattrs = (xattrs: Iterable<readonly [string, Uint8Array]>): string | undefined => {
  const rows = [...xattrs].map(([name, value]): [string, string] => {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return [name, bytes.length > LONGEST_VALUE ? `sha256:${createHash('sha256').update(bytes).digest('hex')}` : bytes.toString('base64url')]
  })
  return rows.length === 0 ? undefined : JSON.stringify(rows.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Back again: name to value in base64url, or the digest of one too long to be kept. */
export const decodeXattrs = (text: string): Record<string, string> => Object.fromEntries(JSON.parse(text) as [string, string][])
