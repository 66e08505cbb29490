/** What is in a tree, from one place in it on. Folders come before what is in them, names in the order of their bytes. */
import { type BigIntStats, closeSync } from 'node:fs'
import { decodeBytes, shown } from '../../../image/layer/bytes.ts'
import { joined } from '../../../image/layer/names.ts'
import * as calls from '../../../image/layer/unpack/calls.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { duplicate, isPseudo, namesIn, openFile, openFolder, openName, statOf } from './at.ts'
import type { OnSkip, SourceItem } from './item.ts'
import type { Tree } from './tree.ts'

/** What belongs to its machine or its file system: no copy of it means anything elsewhere. */
const OWN = /^(?:trusted\.|user\.overlay\.|security\.selinux$)/

export const xattrsOf = (fd: number, path: string): ReadonlyMap<string, Uint8Array> => {
  const names = calls.listXattrs(fd, path).filter((name) => !OWN.test(name))
  return new Map(names.map((name) => [name, calls.getXattr(fd, name, path)]))
}

/** linux/kdev_t.h, as stat(2) has it. */
export const majorOf = (device: bigint): number => Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn))
export const minorOf = (device: bigint): number => Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn))

export const typeOf = (stat: BigIntStats): SourceItem['type'] | undefined => {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : undefined
}

interface Folder {
  readonly fd: number
  readonly path: string
  readonly device: bigint
  readonly names: readonly string[]
  next: number
}

export interface WalkOptions {
  readonly onSkip: OnSkip
}

class Walk {
  readonly #tree: Tree
  readonly #onSkip: OnSkip
  readonly #firstNames = new Map<string, string>()
  readonly open: Folder[] = []

  constructor(tree: Tree, { onSkip }: WalkOptions) {
    this.#tree = tree
    this.#onSkip = onSkip
  }

  /** `fd`: O_PATH, which is closed. `outer`: the device of the folder it is in. */
  *visit(fd: number, path: string, outer: bigint | undefined): Generator<SourceItem> {
    let content: number | undefined
    try {
      const stat = statOf(fd)
      const type = typeOf(stat)
      if (type === undefined) {
        this.#onSkip(path, 'is a socket')
        return
      }
      const { uid, gid } = this.#tree.ids.inside({ uid: Number(stat.uid), gid: Number(stat.gid) })
      const base = { path, type, mode: Number(stat.mode & 0o7777n), uid, gid, mtime: stat.mtimeNs, size: 0 }
      const inode = `${stat.dev} ${stat.ino}`
      // overlayfs links its whiteouts together: each of them says something of its own
      const isLinked = type !== 'directory' && stat.nlink > 1n && (type !== 'character' || stat.rdev !== 0n)
      const first = isLinked ? this.#firstNames.get(inode) : undefined
      if (first !== undefined) {
        yield { ...base, type: 'hardlink', link: first, xattrs: new Map() }
        return
      }
      if (isLinked) this.#firstNames.set(inode, path)
      if (type === 'directory') content = openFolder(fd, path)
      else if (type === 'file') content = openFile(fd)
      yield {
        ...base,
        size: type === 'file' ? Number(stat.size) : 0,
        xattrs: content === undefined ? new Map() : xattrsOf(content, path),
        ...(type === 'symlink' ? { link: decodeBytes(calls.readLink(fd)) } : {}),
        ...(type === 'character' || type === 'block' ? { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) } : {}),
        ...(content === undefined ? {} : { fd: content }),
      }
      if (type !== 'directory') return
      if (stat.dev !== outer && isPseudo(fd)) {
        this.#onSkip(path, 'is a file system of the kernel’s, whose files are no files')
        return
      }
      this.open.push({ fd: content!, path, device: stat.dev, names: namesIn(content!), next: 0 })
      content = undefined
    } finally {
      closeSync(fd)
      if (content !== undefined) closeSync(content)
    }
  }

  *below(): Generator<SourceItem> {
    for (let folder = this.open.at(-1); folder !== undefined; folder = this.open.at(-1)) {
      const name = folder.names[folder.next++]
      if (name === undefined) {
        closeSync(folder.fd)
        this.open.pop()
        continue
      }
      const path = joined(folder.path, name)
      const fd = openName(folder.fd, name)
      // it has gone since
      if (fd === -ERRNO.ENOENT) continue
      if (fd < 0) throw new SyscallError('openat', -fd, { args: [shown(path)] })
      yield* this.visit(this.#tree.enter(fd), path, folder.device)
    }
  }
}

/** `start`: an O_PATH descriptor, which stays the caller’s, of what is to be called `path`. */
export function* walk(tree: Tree, start: number, path: string, options: WalkOptions): Generator<SourceItem> {
  const walking = new Walk(tree, options)
  try {
    yield* walking.visit(duplicate(start), path, undefined)
    yield* walking.below()
  } finally {
    for (const { fd } of walking.open) closeSync(fd)
  }
}
