/**
 * Fills a LayerTree from an unpacked layer: a folder as overlayfs takes it (Documentation/filesystems/overlayfs.rst, "whiteouts and
 * opaque directories"). Folders are entered by descriptor, so that no name leads out, however long the path is.
 */
import { closeSync, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../../runtime/sys/abi/stat.ts'
import { ARCH, syscall } from '../../runtime/sys/syscall.ts'
import { type Attributes, BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, encodeXattrs, FIFO, FILE, SOCKET, SYMLINK } from './entry.ts'
import { type FeedOptions, toMicroseconds } from './feed.ts'
import { COPY, type LayerTree } from './layer-tree.ts'
import { decodeBytes } from '../layer/bytes.ts'
import { readXattrs } from './xattrs.ts'

export interface UnpackedLayer {
  /** The folder. */
  readonly root: string
  /** Of layer.json: folders the layer has no entry for. */
  readonly implied: readonly string[]
  /** Of layer.json: hard links to files of lower layers, which were copied up. */
  readonly links: readonly string[]
}

const KIND_OF = new Map([
  [S_IFREG, FILE],
  [S_IFDIR, DIRECTORY],
  [S_IFLNK, SYMLINK],
  [S_IFCHR, CHARACTER_DEVICE],
  [S_IFBLK, BLOCK_DEVICE],
  [S_IFIFO, FIFO],
  [S_IFSOCK, SOCKET],
])

/** linux/kdev_t.h, as stat(2) has it. */
export const majorOf = (device: number): number => Math.floor(device / 2 ** 32) * 4096 + ((device >>> 8) & 0xfff)
export const minorOf = (device: number): number => (device & 0xff) + (Math.floor(device / 4096) & 0xffffff00)

const OVERLAY = /^(?:trusted|user)\.overlay\./
const isOpaque = (xattrs: ReadonlyMap<string, Uint8Array>): boolean =>
  ['trusted.overlay.opaque', 'user.overlay.opaque'].some((name) => xattrs.get(name)?.[0] === 0x79)

/** What a symbolic link or a device leads to. */
const pointsTo = (kind: number, at: string | Buffer, { rdev }: Stats): string | undefined =>
  kind === SYMLINK
    ? decodeBytes(readlinkSync(at, { encoding: 'buffer' }))
    : kind === CHARACTER_DEVICE || kind === BLOCK_DEVICE
      ? `${majorOf(rdev)}:${minorOf(rdev)}`
      : undefined

interface Folder {
  readonly fd: number
  /** With a slash behind, but for the root. */
  readonly path: string
  readonly names: readonly Buffer[]
  next: number
}

const openFolder = (parent: number, name: Uint8Array | string, path: string): Folder => {
  const where = typeof name === 'string' ? name : Buffer.concat([name, Buffer.alloc(1)])
  const fd = syscall('openat', [parent, where, O_RDONLY | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC, 0])
  try {
    const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).sort(Buffer.compare)
    return { fd, path, names, next: 0 }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

const attributesOf = (at: string | Buffer, stat: Stats, xattrs: ReadonlyMap<string, Uint8Array>): Attributes => {
  const kind = KIND_OF.get(stat.mode & S_IFMT)!
  const kept = encodeXattrs([...xattrs].filter(([name]) => !OVERLAY.test(name)))
  const points = pointsTo(kind, at, stat)
  return {
    kind,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtime: toMicroseconds(stat.mtimeMs / 1000),
    size: kind === FILE ? stat.size : 0,
    ...(points === undefined ? {} : { target: points }),
    ...(kept === undefined ? {} : { xattrs: kept }),
  }
}

interface Name {
  readonly path: string
  readonly attributes: Attributes
}

/**
 * Names of one inode. A link to a file of a lower layer has brought a copy of it along, in that file’s own place, of which the layer itself says
 * nothing (`dropCopies`); but layer.json counts links to files that came later in the archive in.
 */
const addNames = (tree: LayerTree, layer: number, names: readonly Name[], links: ReadonlySet<string>): void => {
  const file = names.some(({ path }) => links.has(path)) ? names.find(({ path }) => !links.has(path)) : undefined
  const first = file ?? names[0]!
  tree.add(first.path, layer, first.attributes, file === undefined ? 0 : COPY)
  for (const name of names) if (name !== first) tree.addHardLink(name.path, layer, first.path, { exactly: true })
}

/** Fed as the layer `layer`. Files with several names in the folder are counted once. */
export const walkLayer = (tree: LayerTree, layer: number, { root, implied, links }: UnpackedLayer, options: FeedOptions = {}): void => {
  const withoutEntry = new Set(implied)
  const shared = new Map<number, Name[]>()
  const one = (path: string, at: string | Buffer, stat: Stats): void => {
    if (options.wanted?.(path) === false) return
    if (stat.isCharacterDevice() && stat.rdev === 0) {
      tree.whiteout(path, layer)
      return
    }
    const xattrs = readXattrs(at)
    // that folders without an entry are there, what is in them says
    if (!stat.isDirectory() || !withoutEntry.has(path)) {
      const attributes = attributesOf(at, stat, xattrs)
      if (stat.isDirectory() || stat.nlink < 2) tree.add(path, layer, attributes)
      else {
        const names = shared.get(stat.ino)
        if (names === undefined) shared.set(stat.ino, [{ path, attributes }])
        else names.push({ path, attributes })
      }
    }
    if (isOpaque(xattrs)) tree.opaque(path, layer)
  }

  const open: Folder[] = [openFolder(AT_FDCWD, root, '')]
  try {
    one('', `/proc/self/fd/${open[0]!.fd}/.`, lstatSync(`/proc/self/fd/${open[0]!.fd}/.`))
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const name = top.names[top.next++]
      if (name === undefined) {
        closeSync(top.fd)
        open.pop()
        options.signal?.throwIfAborted()
        continue
      }
      const path = top.path + decodeBytes(name)
      const at = Buffer.concat([Buffer.from(`/proc/self/fd/${top.fd}/`), name])
      const stat = lstatSync(at)
      one(path, at, stat)
      if (stat.isDirectory() && options.into?.(path) !== false) open.push(openFolder(top.fd, name, `${path}/`))
    }
  } finally {
    for (const { fd } of open) closeSync(fd)
  }
  const intoLower = new Set(links)
  for (const names of shared.values()) addNames(tree, layer, names, intoLower)
}
