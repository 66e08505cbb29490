/**
 * The files of stacked layers as one tree, without mounting it: overlayfs’s rules over unpacked folders. Folders are entered by descriptor;
 * of each name the topmost is the one, folders merge until one of them is opaque or hidden.
 */
import { type BigIntStats, closeSync, lstatSync, readdirSync } from 'node:fs'
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { ARCH, syscall } from '../../runtime/sys/syscall.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { readXattrs } from '../inspect/xattrs.ts'
import { decodeBytes } from '../layer/bytes.ts'

export interface MergedEntry {
  /** Without a slash in front; empty for the root. */
  readonly path: string
  /** Where it is to be opened or read, good until the next entry is asked for. */
  readonly at: Buffer
  readonly stat: BigIntStats
  /** Without overlayfs’s own. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  /** Which layer it is of, from the top. */
  readonly layer: number
}

interface Source {
  readonly fd: number
  readonly layer: number
}

interface Name {
  readonly bytes: Buffer
  readonly stat: BigIntStats
  readonly source: Source
}

interface Folder {
  readonly path: string
  readonly sources: readonly Source[]
  readonly names: readonly Name[]
  next: number
}

const OVERLAY = /^(?:trusted|user)\.overlay\./

const isWhiteout = (stat: BigIntStats): boolean => stat.isCharacterDevice() && stat.rdev === 0n

const within = (fd: number, name: Buffer): Buffer => Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name])

const openFolder = (parent: number, name: Buffer | string): number => {
  const path = typeof name === 'string' ? name : Buffer.concat([name, Buffer.alloc(1)])
  return syscall('openat', [parent, path, O_RDONLY | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC, 0])
}

const isOpaque = (xattrs: ReadonlyMap<string, Uint8Array>): boolean =>
  ['trusted.overlay.opaque', 'user.overlay.opaque'].some((name) => xattrs.get(name)?.[0] === 0x79)

const SELF = Buffer.from('.')

/** What can be seen of the folder in its sources, topmost first. */
const list = (path: string, sources: readonly Source[]): Folder => {
  const names = new Map<string, Name | undefined>()
  for (const source of sources)
    for (const bytes of readdirSync(`/proc/self/fd/${source.fd}`, { encoding: 'buffer' })) {
      const key = bytes.toString('latin1')
      if (names.has(key)) continue
      const stat = lstatSync(within(source.fd, bytes), { bigint: true, throwIfNoEntry: false })
      // it has gone since: the layer is one that a container writes to
      if (stat === undefined) continue
      names.set(key, isWhiteout(stat) ? undefined : { bytes, stat, source })
    }
  const seen = [...names.values()].filter((name) => name !== undefined)
  return { path, sources, names: seen.sort((a, b) => Buffer.compare(a.bytes, b.bytes)), next: 0 }
}

/** The folders of that name that merge into one; the first one is there. */
const mergedSources = (sources: readonly Source[], { bytes, source: top }: Name): Source[] => {
  const found: Source[] = []
  try {
    for (const source of sources.slice(sources.indexOf(top))) {
      const stat = lstatSync(within(source.fd, bytes), { bigint: true, throwIfNoEntry: false })
      if (stat === undefined) continue
      if (!stat.isDirectory()) break
      found.push({ fd: openFolder(source.fd, bytes), layer: source.layer })
      if (isOpaque(readXattrs(within(source.fd, bytes)))) break
    }
    return found
  } catch (error) {
    close(found)
    throw error
  }
}

const close = (sources: readonly Source[]): void => {
  for (const { fd } of sources) closeSync(fd)
}

const entry = (path: string, at: Buffer, stat: BigIntStats, layer: number): MergedEntry => {
  const xattrs = new Map([...readXattrs(at)].filter(([name]) => !OVERLAY.test(name)))
  return { path, at, stat, xattrs, layer }
}

const ifThere = <T>(look: () => T): T | undefined => {
  try {
    return look()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}

/** `roots`: folders of the layers, topmost first; what goes while they are read is passed over. Folders come before what is in them, names in order. */
export function* mergedTree(roots: readonly string[]): Generator<MergedEntry> {
  const open: Folder[] = []
  try {
    const sources: Source[] = []
    for (const [layer, root] of roots.entries()) {
      const fd = openFolder(AT_FDCWD, root)
      sources.push({ fd, layer })
      if (isOpaque(readXattrs(within(fd, SELF)))) break
    }
    open.push(list('', sources))
    const top = within(sources[0]!.fd, SELF)
    yield entry('', top, lstatSync(top, { bigint: true }), 0)
    for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
      const name = folder.names[folder.next++]
      if (name === undefined) {
        open.pop()
        close(folder.sources)
        continue
      }
      const path = folder.path + decodeBytes(name.bytes)
      const found = ifThere(() => entry(path, within(name.source.fd, name.bytes), name.stat, name.source.layer))
      if (found === undefined) continue
      yield found
      if (!name.stat.isDirectory()) continue
      const below = ifThere(() => list(`${path}/`, mergedSources(folder.sources, name)))
      if (below !== undefined) open.push(below)
    }
  } finally {
    for (const { sources } of open) close(sources)
  }
}
