/** What overlayfs would show of some layers, asked by path: Documentation/filesystems/overlayfs.rst. Symlinks stay within the root. */
import { S_IFLNK, S_IFMT } from '../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { decodeBytes, shown } from './bytes.ts'
import { joined } from './names.ts'
import * as calls from './unpack/calls.ts'
import { isWhiteout } from './unpack/folders.ts'

/** Descriptors are good until the next call of `find`. */
export type Place =
  /** Where a symlink leads to, and nothing is. */
  | { readonly kind: 'missing'; readonly path: string }
  /** `fd`: the uppermost of the folders that are merged there. */
  | { readonly kind: 'folder'; readonly path: string; readonly fd: number }
  | {
      readonly kind: 'other'
      /** Through no symlink. */
      readonly path: string
      readonly stat: calls.Stat
      /** Index of the layer that has it, the uppermost being 0; and the folder it is in there. */
      readonly layer: number
      readonly folder: number
      /** Of a symlink. */
      readonly target?: string
    }

/** A folder as merged: the layers that have it, uppermost first. */
interface Level {
  readonly path: string
  readonly parts: readonly { readonly layer: number; readonly fd: number }[]
}

const MAX_SYMLINKS = 40
const ENOENT = 2
const ENOTDIR = 20
const ELOOP = 40

export class Merged {
  readonly #root: Level
  readonly #opaque: string
  /** The way to what was found last, with descriptors that are open: neighbours are asked for one after the other. */
  #way: Level[] = []
  /** Descriptors of a way that was left. */
  #old: number[] = []

  /** Descriptors of roots, uppermost first; they stay the caller’s. `opaque`: name of the attribute. */
  constructor(roots: readonly number[], opaque: string) {
    this.#root = { path: '', parts: roots.map((fd, layer) => ({ layer, fd })) }
    this.#opaque = opaque
  }

  /** Undefined: there is nothing. `follow`: also a symlink at the end; those on the way always are. */
  find(path: string, follow: boolean): Place | undefined {
    if (this.#root.parts.length === 0) return undefined
    try {
      return this.#find(path, follow)
    } finally {
      for (const fd of this.#old.splice(0)) calls.close(fd)
    }
  }

  /** Closes what is open. */
  close(): void {
    this.#leave(0)
    for (const fd of this.#old.splice(0)) calls.close(fd)
  }

  #find(path: string, follow: boolean): Place | undefined {
    let todo = path.split('/')
    let links = 0
    let depth = 0
    while (todo.length > 0) {
      const name = todo[0]!
      todo = todo.slice(1)
      if (name === '' || name === '.') continue
      if (name === '..') {
        depth = Math.max(0, depth - 1)
        continue
      }
      const here = depth === 0 ? this.#root : this.#way[depth - 1]!
      const known = this.#way[depth]
      if (known?.path === joined(here.path, name)) {
        depth++
        continue
      }
      const next = this.#step(here, name)
      if (next === undefined)
        return links === 0 || todo.includes('..')
          ? undefined
          : { kind: 'missing', path: joined(here.path, [name, ...todo.filter((part) => part !== '' && part !== '.')].join('/')) }
      if ('parts' in next) {
        this.#leave(depth)
        this.#way.push(next)
        depth++
        continue
      }
      if (next.kind !== 'other') return undefined
      const last = todo.every((part) => part === '' || part === '.')
      if (next.target === undefined || (last && !follow)) return last ? next : undefined
      if (++links > MAX_SYMLINKS) return undefined
      if (next.target.startsWith('/')) depth = 0
      todo = [...next.target.split('/'), ...todo]
    }
    const level = depth === 0 ? this.#root : this.#way[depth - 1]!
    return { kind: 'folder', path: level.path, fd: level.parts[0]!.fd }
  }

  #leave(depth: number): void {
    for (const level of this.#way.splice(depth)) this.#old.push(...level.parts.map(({ fd }) => fd))
  }

  #step(here: Level, name: string): Level | Place | undefined {
    const path = joined(here.path, name)
    const parts: { layer: number; fd: number }[] = []
    for (const { layer, fd: folder } of here.parts) {
      const fd = calls.openFolder(folder, name)
      if (fd >= 0) {
        parts.push({ layer, fd })
        if (calls.listXattrs(fd, path).includes(this.#opaque)) break
        continue
      }
      if (fd === -ENOENT) continue
      if (fd !== -ENOTDIR && fd !== -ELOOP) throw new SyscallError('openat', -fd, { args: [shown(path)] })
      const stat = calls.statAtName(folder, name)!
      if (parts.length > 0 || isWhiteout(stat)) break
      return { kind: 'other', path, stat, layer, folder, ...targetOf(folder, name, stat) }
    }
    return parts.length === 0 ? undefined : { path, parts }
  }
}

const targetOf = (folder: number, name: string, stat: calls.Stat): { target?: string } => {
  if ((stat.mode & S_IFMT) !== S_IFLNK) return {}
  const fd = calls.openPathStraight(folder, name)
  if (fd < 0) throw new SyscallError('openat2', -fd, { args: [shown(name)] })
  try {
    return { target: decodeBytes(calls.readLink(fd)) }
  } finally {
    calls.close(fd)
  }
}
