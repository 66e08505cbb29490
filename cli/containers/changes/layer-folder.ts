/** What a container has written: its upper folder, read as overlayfs writes it. Documentation/filesystems/overlayfs.rst. */
import { closeSync, constants, openSync } from 'node:fs'
import { listXattrs } from '../../../image/layer/unpack/calls.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { ContainerConfig } from '../config.ts'
import { SAME } from '../copy/ids.ts'
import type { OnSkip, SourceItem } from '../copy/item.ts'
import type { Tree } from '../copy/tree.ts'
import { walk } from '../copy/walk.ts'
import { type Home, placesOf } from '../home.ts'

export interface Written {
  readonly item: SourceItem
  /** Nothing of the layers below is seen at its path; the item itself is not there. */
  readonly hides: boolean
  /** A folder that shows nothing of those below. */
  readonly opaque: boolean
}

export const folderTree = (root: number): Tree => ({ name: '', root, enter: (fd) => fd, ids: SAME, readonly: true })

const isOpaque = ({ type, fd, path }: SourceItem): boolean =>
  type === 'directory' &&
  fd !== undefined &&
  listXattrs(fd, path).some((name) => name === 'trusted.overlay.opaque' || name === 'user.overlay.opaque')

/** Throws `failed-precondition` for a container without an image. */
export const requireLayers = (config: ContainerConfig, what: string): void => {
  if (config.image === undefined)
    throw new WherryError(
      'failed-precondition',
      `container ${config.name} was made with --rootfs and has no layers: ${what}; wherry export writes all of its files`,
    )
}

/** Folders before what is in them, names in order; the root is the first. Nothing for a container that was never started. */
export function* walkUpper(home: Home, config: ContainerConfig, onSkip: OnSkip): Generator<Written> {
  let root: number
  try {
    root = openSync(placesOf(home, config.id).upper, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw error
  }
  try {
    for (const item of walk(folderTree(root), root, '', { onSkip })) {
      const hides = item.type === 'character' && item.major === 0 && item.minor === 0
      yield { item, hides, opaque: isOpaque(item) }
    }
  } finally {
    closeSync(root)
  }
}
