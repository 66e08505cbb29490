/**
 * The folders that entries are made in, by descriptor. A layer lists what is in a folder together, so a few open ones suffice. What is on
 * disk is the memory: what must be known of a folder that was closed (its time, before things were made in it) is read from it when
 * it is opened again, and restored when it is closed.
 */
import { S_IFCHR, S_IFLNK, S_IFMT, S_ISGID } from '../../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { decodeBytes, shown } from '../bytes.ts'
import { type LayerLimits, limitExceeded } from '../limits.ts'
import { joined, parentOf } from '../names.ts'
import { malformed } from '../tar/malformed.ts'
import * as calls from './calls.ts'

export interface Folder {
  /** From the root, through no symlink. */
  readonly path: string
  readonly fd: number
  /** To be restored, and changed by an entry for the folder itself. */
  mtime: bigint
  /** That of what is made in it, if `setgid` or the mount option grpid. */
  gid: number
  setgid: boolean
}

/** What came before in the layer, or what is missing, stands in the way. */
export class NoFolder extends Error {
  readonly path: string

  constructor(path: string) {
    super(path)
    this.path = path
  }
}

const CAPACITY = 64
const MAX_SYMLINKS = 40
const ENOENT = 2
const ENOTDIR = 20
const ELOOP = 40

/** Of folders that no entry speaks of, until those of a layer below are known. */
const IMPLIED_MODE = 0o755

export const isWhiteout = (stat: calls.Stat): boolean => (stat.mode & S_IFMT) === S_IFCHR && stat.major === 0 && stat.minor === 0

const cannotOpen = (result: number, path: string): SyscallError => new SyscallError('openat2', -result, { args: [shown(path)] })

export class Folders {
  readonly #root: Folder
  readonly #limits: LayerLimits
  /** Makes a folder show nothing of the layers below. */
  readonly #hide: (folder: Folder) => void
  /** In the order of their last use. */
  readonly #open = new Map<string, Folder>()
  /** Paths through symlinks, and what they lead to. */
  readonly #aliases = new Map<string, string>()
  readonly #implied = new Set<string>()
  #last: Folder
  #lastPath = ''

  constructor(rootFd: number, limits: LayerLimits, hide: (folder: Folder) => void) {
    const { gid } = calls.statOf(rootFd, 'the layer’s root')
    this.#root = { path: '', fd: rootFd, mtime: 0n, gid, setgid: false }
    this.#last = this.#root
    this.#limits = limits
    this.#hide = hide
  }

  /** Folders that exist because something is in them. The root is none. */
  get implied(): ReadonlySet<string> {
    return this.#implied
  }

  /** An entry for the folder has come. */
  explicit(path: string): void {
    this.#implied.delete(path)
  }

  /** The folder at `path`, made if it is missing. Symlinks on the way are followed within the root, as all peers do. Throws NoFolder. */
  at(path: string): Folder {
    if (path === this.#lastPath) return this.#last
    const folder = this.#find(path, true)
    this.#last = folder
    this.#lastPath = path
    return folder
  }

  /** The same, with nothing made. Throws NoFolder. */
  existing(path: string): Folder {
    return path === this.#lastPath ? this.#last : this.#find(path, false)
  }

  #find(path: string, make: boolean): Folder {
    if (path === '') return this.#root
    const real = this.#aliases.get(path) ?? path
    const known = this.#used(real)
    if (known !== undefined) return known
    const fd = calls.openFolderStraight(this.#root.fd, real)
    if (fd >= 0) return this.#remember(real, fd)
    if (fd !== -ENOENT && fd !== -ENOTDIR && fd !== -ELOOP) throw cannotOpen(fd, path)
    return this.#findSlowly(path, make)
  }

  /** An open folder, which now is the one used last: what is in use may not be shut. */
  #used(path: string): Folder | undefined {
    const folder = this.#open.get(path)
    if (folder !== undefined) {
      this.#open.delete(path)
      this.#open.set(path, folder)
    }
    return folder
  }

  /** Name by name: something is missing, or a symlink. */
  #findSlowly(path: string, make: boolean): Folder {
    let todo = path.split('/')
    let folder = this.#root
    let links = 0
    while (todo.length > 0) {
      const name = todo[0]!
      todo = todo.slice(1)
      if (name === '' || name === '.') continue
      if (name === '..') {
        folder = this.#find(parentOf(folder.path), make)
        continue
      }
      const next = this.#step(folder, name, make)
      if (typeof next !== 'string') {
        folder = next
        continue
      }
      if (++links > MAX_SYMLINKS) throw malformed(`entry in ${shown(path)}: the symlinks on the way there lead in a circle`)
      if (next.startsWith('/')) folder = this.#root
      todo = [...next.split('/'), ...todo]
    }
    if (folder.path !== path) {
      if (this.#aliases.size >= CAPACITY) this.#aliases.clear()
      this.#aliases.set(path, folder.path)
    }
    return folder
  }

  /** The folder of that name, or what the symlink of that name says. */
  #step(folder: Folder, name: string, make: boolean): Folder | string {
    const path = joined(folder.path, name)
    const known = this.#used(path)
    if (known !== undefined) return known
    const fd = calls.openFolder(folder.fd, name)
    if (fd >= 0) return this.#remember(path, fd)
    if (fd === -ENOENT) {
      if (!make) throw new NoFolder(path)
      return this.#imply(folder, name)
    }
    if (fd !== -ENOTDIR && fd !== -ELOOP) throw cannotOpen(fd, path)
    const stat = calls.statAtName(folder.fd, name)!
    if ((stat.mode & S_IFMT) === S_IFLNK) return this.#target(path)
    if (!isWhiteout(stat) || !make) throw new NoFolder(path)
    // hidden first, filled then: nothing of the lower one may come back
    calls.remove(folder.fd, name)
    const made = this.#imply(folder, name)
    this.#implied.delete(path)
    this.#hide(made)
    return made
  }

  #target(path: string): string {
    const fd = calls.openPathStraight(this.#root.fd, path)
    if (fd < 0) throw cannotOpen(fd, path)
    try {
      return decodeBytes(calls.readLink(fd))
    } finally {
      calls.close(fd)
    }
  }

  #imply(folder: Folder, name: string): Folder {
    const path = joined(folder.path, name)
    if (this.#implied.size >= this.#limits.remembered) throw limitExceeded(this.#limits, 'remembered', shown(path))
    const made = this.make(folder, name, IMPLIED_MODE)
    if (typeof made === 'number') throw new SyscallError('mkdirat', -made, { args: [shown(path)] })
    made.gid = process.getegid!()
    made.setgid = false
    calls.changeOwner(made.fd, process.geteuid!(), made.gid, path)
    calls.changeMode(made.fd, IMPLIED_MODE, path)
    this.#implied.add(path)
    return made
  }

  /** A new folder, open; or the negative errno of mkdirat(2). Mode and owner may need to be set still. */
  make(folder: Folder, name: string, mode: number): Folder | number {
    const path = joined(folder.path, name)
    const result = calls.makeFolder(folder.fd, name, mode & 0o777)
    if (result < 0) return result
    const fd = calls.openFolder(folder.fd, name)
    if (fd < 0) throw cannotOpen(fd, path)
    const made: Folder = { path, fd, mtime: 0n, gid: folder.gid, setgid: folder.setgid }
    this.#keep(made)
    return made
  }

  #remember(path: string, fd: number): Folder {
    const { mode, mtime, gid } = calls.statOf(fd, path)
    const folder: Folder = { path, fd, mtime, gid, setgid: (mode & S_ISGID) !== 0 }
    this.#keep(folder)
    return folder
  }

  #keep(folder: Folder): void {
    for (const oldest of this.#open.values()) {
      if (this.#open.size < CAPACITY) break
      if (oldest !== this.#last) this.#shut(oldest)
      else {
        this.#open.delete(oldest.path)
        this.#open.set(oldest.path, oldest)
      }
    }
    this.#open.set(folder.path, folder)
  }

  #shut(folder: Folder): void {
    this.#open.delete(folder.path)
    try {
      calls.changeTimes(folder.fd, folder.mtime, folder.path)
    } finally {
      calls.close(folder.fd)
    }
  }

  /** A folder or a symlink is about to go: what is known may be wrong. */
  forget(): void {
    this.#aliases.clear()
    this.#last = this.#root
    this.#lastPath = ''
    for (const folder of this.#open.values()) this.#shut(folder)
  }

  /** Of a folder that has gone, with all that was in it. */
  forgetImplied(path: string): void {
    for (const implied of this.#implied) if (implied === path || implied.startsWith(`${path}/`)) this.#implied.delete(implied)
  }

  /** All times are as the entries say. The root’s descriptor stays open. */
  end(): void {
    this.forget()
    calls.changeTimes(this.#root.fd, this.#root.mtime, 'the layer’s root')
  }

  /** After a failure. Idempotent. */
  abandon(): void {
    for (const folder of this.#open.values()) calls.close(folder.fd)
    this.#open.clear()
  }
}
