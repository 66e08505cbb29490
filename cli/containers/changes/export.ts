/** export: all files of a container, its image’s and its own, as one tar archive. What lies in volumes is not part of it. */
import { closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs'
import { type MergedEntry, mergedTree } from '../../../image/archive/merged.ts'
import type { Output } from '../../../image/archive/output.ts'
import { decodeBytes } from '../../../image/layer/bytes.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { ContainerConfig } from '../config.ts'
import type { OnSkip, SourceItem } from '../copy/item.ts'
import { writeTar } from '../copy/tar-out.ts'
import { majorOf, minorOf, typeOf, walk } from '../copy/walk.ts'
import { type Home, placesOf } from '../home.ts'
import { lowersOf } from '../rootfs.ts'
import { folderTree } from './layer-folder.ts'

const itemOf = ({ path, at, stat, xattrs, layer }: MergedEntry, firstNames: Map<string, string>): SourceItem | undefined => {
  const type = typeOf(stat)
  if (type === undefined) return undefined
  const base = {
    path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: stat.mtimeNs,
    size: 0,
    xattrs,
  }
  const inode = type === 'directory' || stat.nlink < 2n ? undefined : `${layer} ${stat.ino}`
  const first = inode === undefined ? undefined : firstNames.get(inode)
  if (first !== undefined) return { ...base, type: 'hardlink', link: first, xattrs: new Map() }
  const fd = type === 'file' ? openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) : undefined
  if (inode !== undefined) firstNames.set(inode, path)
  if (fd !== undefined) return { ...base, size: Number(stat.size), fd }
  if (type === 'symlink') return { ...base, link: decodeBytes(readlinkSync(at, { encoding: 'buffer' })) }
  if (type === 'character' || type === 'block') return { ...base, major: majorOf(stat.rdev), minor: minorOf(stat.rdev) }
  return base
}

/** Descriptors are closed when the next is asked for. A container that runs may take away what has just been seen. */
function* mergedItems(roots: readonly string[], onSkip: OnSkip): Generator<SourceItem> {
  const firstNames = new Map<string, string>()
  for (const entry of mergedTree(roots)) {
    let item: SourceItem | undefined
    try {
      item = itemOf(entry, firstNames)
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ELOOP', 'EINVAL', 'ENXIO')) continue
      throw error
    }
    if (item === undefined) {
      onSkip(entry.path, 'is a socket')
      continue
    }
    try {
      yield item
    } finally {
      if (item.fd !== undefined) closeSync(item.fd)
    }
  }
}

const rootsOf = (home: Home, config: ContainerConfig): string[] => {
  const { upper } = placesOf(home, config.id)
  const lowers = lowersOf(home, config).toReversed()
  return lstatSync(upper, { throwIfNoEntry: false })?.isDirectory() === true ? [upper, ...lowers] : lowers
}

/** The archive is committed. Throws what writing throws. */
export const exportContainer = async (
  home: Home,
  config: ContainerConfig,
  output: Output,
  { signal, onSkip }: { readonly signal: AbortSignal; readonly onSkip: OnSkip },
): Promise<void> => {
  const { rootfs } = config.request
  if (rootfs === undefined) {
    await writeTar(mergedItems(rootsOf(home, config), onSkip), output, signal)
    return
  }
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await writeTar(walk(folderTree(root), root, '', { onSkip }), output, signal)
  } finally {
    closeSync(root)
  }
}
