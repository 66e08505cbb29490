/** What one layer may cost. Generous to every honest image; a bomb runs into them early. */
import { WherryError } from '../../runtime/errors.ts'

export interface LayerLimits {
  /** Bytes of the uncompressed archive. */
  readonly bytes: number
  /** Uncompressed bytes for each compressed one, once there are more than 1 GiB of them. gzip cannot do more than 1032. */
  readonly ratio: number
  readonly entries: number
  /** Bytes of one file, holes included. */
  readonly fileBytes: number
  /** Bytes of a path. The kernel takes 4095. */
  readonly pathBytes: number
  /** Folders within each other. */
  readonly depth: number
  /** Extended attributes of one entry, and the bytes of their names and values together. */
  readonly xattrs: number
  readonly xattrBytes: number
  /** Folders without an entry, hard links into lower layers, skipped devices: what has to be remembered. */
  readonly remembered: number
}

export const DEFAULT_LIMITS: LayerLimits = {
  bytes: 256 * 2 ** 30,
  ratio: 500,
  entries: 4_000_000,
  fileBytes: 256 * 2 ** 30,
  pathBytes: 4095,
  depth: 1024,
  xattrs: 256,
  xattrBytes: 256 * 1024,
  remembered: 100_000,
}

const NAMES: Readonly<Record<keyof LayerLimits, string>> = {
  bytes: 'uncompressed bytes',
  ratio: 'uncompressed bytes for each compressed byte',
  entries: 'entries',
  fileBytes: 'bytes of one file',
  pathBytes: 'bytes of a path',
  depth: 'folders within each other',
  xattrs: 'extended attributes of one entry',
  xattrBytes: 'bytes of extended attributes of one entry',
  remembered: 'folders without an entry and links into lower layers',
}

/** `about` names the entry, where there is one. */
export const limitExceeded = (limits: LayerLimits, limit: keyof LayerLimits, about?: string): WherryError =>
  new WherryError(
    'resource-exhausted',
    `${about === undefined ? 'layer' : `layer: entry ${about}`}: more than ${limits[limit]} ${NAMES[limit]}: if the image is to be trusted, raise the limit layer.${limit}`,
  )
