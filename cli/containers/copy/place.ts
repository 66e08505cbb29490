/**
 * Puts items into a folder of a tree. Everything is made under a name that nobody knows and renamed when it is whole: what was there before stays
 * until then, a link in its place is replaced and not followed. Folders are merged.
 */
import { closeSync, constants, ftruncateSync, readSync } from 'node:fs'
import { shown } from '../../../image/layer/bytes.ts'
import { baseOf, joined, parentOf } from '../../../image/layer/names.ts'
import type { Sink } from '../../../image/layer/tar/body.ts'
import * as calls from '../../../image/layer/unpack/calls.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { ERRNO, errnoName } from '../../../runtime/sys/abi/errno.ts'
import { S_IFBLK, S_IFCHR, S_IFIFO, S_ISGID, S_ISUID } from '../../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { randomBytes } from '../ids.ts'
import { changeMode, mountOf, openFile, openFolder, openName, removeName, renameWithin, statOf } from './at.ts'
import type { Owner } from './ids.ts'
import type { Item, OnSkip } from './item.ts'
import type { Tree } from './tree.ts'

export interface PlaceOptions {
  /** Of all that is made; undefined: as the items say. */
  readonly owner: Owner | undefined
  /** Extended attributes, set-id bits, and attributes of folders that are there already. */
  readonly exact: boolean
  /** Folders may be replaced by what is none, and the other way round. */
  readonly overwrite: boolean
  /** Devices are made; else they are left out. */
  readonly devices: boolean
  /** Finds the folder that a symbolic link on the way leads to, within the tree: an O_PATH descriptor. Missing: links on the way are refused. */
  readonly through?: (path: string) => number
  readonly onSkip: OnSkip
}

interface Folder {
  readonly path: string
  readonly fd: number
}

/** A regular file that was just made. */
const openHere = (folder: number, name: string): number => {
  const fd = openName(folder, name)
  if (fd < 0) throw new SyscallError('openat', -fd, { args: [shown(name)] })
  try {
    return openFile(fd)
  } finally {
    closeSync(fd)
  }
}

const IMPLIED_MODE = 0o755
const CHUNK = 256 * 1024

export class Placer {
  readonly #tree: Tree
  readonly #options: PlaceOptions
  /** From the folder that is copied into to the one used last. */
  readonly #way: Folder[]
  /** Of folders by path: what is made in them changes their times, also when they come again. */
  readonly #times = new Map<string, bigint>()
  /** Under its name for the time being. */
  readonly #temporary = `.wherry-${randomBytes(8).toString('hex')}`

  /** Takes away the file that is not whole yet. */
  #drop: () => void = () => {}

  /** `base`: an O_PATH descriptor of a folder, which stays the caller’s. */
  constructor(tree: Tree, base: number, options: PlaceOptions) {
    this.#tree = tree
    this.#options = options
    this.#way = [{ path: '', fd: openFolder(base, tree.name) }]
    if (tree.readonly && statOf(base).dev === statOf(tree.root).dev) {
      this.close()
      throw new WherryError('failed-precondition', `${tree.name}: its root file system is read-only: copy into a volume`)
    }
  }

  /** Where a file’s content is to be written to. Throws `already-exists` for what stands in the way. */
  take(item: Item): Sink | undefined {
    if (item.path === '') {
      if (item.type === 'directory' && this.#options.exact) this.#describe(this.#way[0]!.fd, item)
      return undefined
    }
    if (item.type === 'directory') this.#makeFolder(item)
    else if (item.type === 'file') return this.#makeFile(item)
    else this.#makeOther(item)
    return undefined
  }

  /** Times of folders are set; nothing is open any more. */
  end(): void {
    while (this.#way.length > 0) this.#shut()
  }

  /** After a failure; also after `end`. */
  close(): void {
    this.#drop()
    for (const { fd } of this.#way.splice(0)) closeSync(fd)
  }

  #shut(): void {
    const { fd, path } = this.#way.pop()!
    const mtime = this.#times.get(path)
    try {
      if (mtime !== undefined) calls.changeTimes(fd, mtime, path)
    } finally {
      closeSync(fd)
    }
  }

  /** The folder at `path`, made where it is missing. */
  #at(path: string): Folder {
    for (
      let last = this.#way.at(-1)!;
      last.path !== '' && last.path !== path && !path.startsWith(`${last.path}/`);
      last = this.#way.at(-1)!
    )
      this.#shut()
    for (let last = this.#way.at(-1)!; last.path !== path; last = this.#way.at(-1)!) {
      const rest = path.slice(last.path === '' ? 0 : last.path.length + 1)
      const name = rest.split('/', 1)[0]!
      this.#way.push(this.#open(last, name) ?? this.#imply(last, name))
    }
    return this.#way.at(-1)!
  }

  /** Undefined: there is nothing. Throws for what is no folder. */
  #open(parent: Folder, name: string): Folder | undefined {
    const path = joined(parent.path, name)
    const opened = openName(parent.fd, name)
    if (opened === -ERRNO.ENOENT) return undefined
    if (opened < 0) throw this.#failed('openat', opened, path)
    let at = this.#tree.enter(opened)
    try {
      if (statOf(at).isSymbolicLink() && this.#options.through !== undefined) {
        closeSync(at)
        at = -1
        at = this.#options.through(path)
      }
      if (!statOf(at).isDirectory()) throw this.#conflict(path, 'is no folder, and a folder of that name is to be copied: see --overwrite')
      return { path, fd: openFolder(at, path) }
    } finally {
      if (at >= 0) closeSync(at)
    }
  }

  #imply(parent: Folder, name: string): Folder {
    const path = joined(parent.path, name)
    const made = this.#makeIn(parent, name, path, IMPLIED_MODE)
    this.#own(made.fd, this.#options.owner ?? { uid: 0, gid: 0 }, path)
    calls.changeMode(made.fd, IMPLIED_MODE, path)
    return made
  }

  #makeIn(parent: Folder, name: string, path: string, mode: number): Folder {
    const result = calls.makeFolder(parent.fd, name, mode & 0o777)
    if (result < 0) throw this.#failed('mkdirat', result, path)
    const fd = calls.openFolder(parent.fd, name)
    if (fd < 0) throw this.#failed('openat', fd, path)
    return { path, fd }
  }

  #makeFolder(item: Item): void {
    const parent = this.#at(parentOf(item.path))
    const name = baseOf(item.path)
    let folder: Folder | undefined
    try {
      folder = this.#open(parent, name)
    } catch (error) {
      if (!this.#options.overwrite || !(error instanceof WherryError) || error.kind !== 'already-exists') throw error
      removeName(parent.fd, name)
    }
    const there = folder !== undefined
    folder ??= this.#makeIn(parent, name, item.path, item.mode)
    this.#way.push(folder)
    if (there && !this.#options.exact) return
    this.#describe(folder.fd, item)
    this.#times.set(item.path, item.mtime)
  }

  /** The owner it is to have, as this side calls it. */
  #ownerOf(item: Item): Owner {
    return this.#options.owner ?? { uid: item.uid, gid: item.gid }
  }

  #outside(owner: Owner, path: string): Owner {
    const outside = this.#tree.ids.outside(owner)
    if (outside !== undefined) return outside
    throw new WherryError(
      'failed-precondition',
      `${this.#tree.name}${shown(path)} would belong to ${owner.uid}:${owner.gid}, which the user namespace has no id for: give it another owner with --chown`,
    )
  }

  #own(fd: number, owner: Owner, path: string): void {
    const { uid, gid } = this.#outside(owner, path)
    calls.changeOwner(fd, uid, gid, path)
  }

  /** Set-id bits of one who is not its owner any more would make him a gift. */
  #mode({ mode }: Item): number {
    return this.#options.exact ? mode : mode & ~(S_ISUID | S_ISGID)
  }

  #describe(fd: number, item: Item): void {
    this.#own(fd, this.#ownerOf(item), item.path)
    calls.changeMode(fd, this.#mode(item), item.path)
    if (!this.#options.exact) return
    for (const [name, value] of item.xattrs) {
      const result = calls.setXattr(fd, name, value)
      if (result < 0 && result !== -ERRNO.ENOTSUP && result !== -ERRNO.EPERM) throw this.#failed('fsetxattr', result, item.path)
      if (result < 0) this.#options.onSkip(item.path, `its extended attribute ${shown(name)} is refused (${errnoName(-result)})`)
    }
  }

  #makeFile(item: Item): Sink {
    const parent = this.#at(parentOf(item.path))
    const fd = calls.createFile(parent.fd, this.#temporary, 0o600)
    if (fd < 0) throw this.#failed('openat', fd, item.path)
    let open = true
    const drop = (): void => {
      if (!open) return
      open = false
      closeSync(fd)
      calls.remove(parent.fd, this.#temporary)
    }
    this.#drop = drop
    return {
      write: (bytes, offset) => calls.writeAll(fd, bytes, offset, item.path),
      close: () => {
        try {
          calls.truncate(fd, item.size, item.path)
          this.#describe(fd, item)
          calls.changeTimes(fd, item.mtime, item.path)
          this.#settle(parent, item)
        } finally {
          drop()
        }
      },
    }
  }

  /** Gives what was made its name. */
  #settle(parent: Folder, item: Item): void {
    const name = baseOf(item.path)
    if (item.type === 'file' && this.#writeThrough(parent, item)) return
    let result = renameWithin(parent.fd, this.#temporary, name)
    if (result === -ERRNO.EISDIR && this.#options.overwrite) {
      removeName(parent.fd, name)
      result = renameWithin(parent.fd, this.#temporary, name)
    }
    if (result === -ERRNO.EISDIR)
      throw this.#conflict(item.path, 'is a folder, and something else of that name is to be copied: see --overwrite')
    if (result === -ERRNO.EBUSY) throw this.#conflict(item.path, 'is mounted there: only a regular file can be copied onto it')
    if (result < 0) throw this.#failed('renameat', result, item.path)
  }

  /** A file that is mounted there keeps its place, and gets the content: `/etc/hosts`. */
  #writeThrough(parent: Folder, item: Item): boolean {
    const opened = openName(parent.fd, baseOf(item.path))
    if (opened < 0) return false
    const at = this.#tree.enter(opened)
    try {
      const stat = statOf(at)
      if (!stat.isFile() || (at === opened && mountOf(at) === mountOf(parent.fd))) return false
      const [from, to] = [openHere(parent.fd, this.#temporary), openFile(at, constants.O_WRONLY)]
      try {
        ftruncateSync(to)
        pour(from, item.size, { write: (bytes, offset) => calls.writeAll(to, bytes, offset, item.path), close: () => {} })
      } finally {
        closeSync(from)
        closeSync(to)
      }
      return true
    } finally {
      closeSync(at)
    }
  }

  #makeOther(item: Item): void {
    const device = item.type === 'character' || item.type === 'block'
    if (device && !this.#options.devices) {
      this.#options.onSkip(item.path, 'is a device')
      return
    }
    const first = item.type === 'hardlink' ? this.#linked(item) : undefined
    const parent = this.#at(parentOf(item.path))
    const temporary = this.#temporary
    let result: number
    if (first !== undefined) {
      try {
        result = calls.makeLink(first, baseOf(item.link!), parent.fd, temporary)
      } finally {
        closeSync(first)
      }
    } else if (item.type === 'symlink') result = calls.makeSymlink(item.link!, parent.fd, temporary)
    else {
      const type = item.type === 'character' ? S_IFCHR : item.type === 'block' ? S_IFBLK : S_IFIFO
      result = calls.makeNode(parent.fd, temporary, type | (item.mode & 0o777), item.major, item.minor)
    }
    if (result === -ERRNO.EPERM && device) {
      this.#options.onSkip(item.path, 'is a device, which may not be made here')
      return
    }
    if (result < 0)
      throw this.#failed(item.type === 'symlink' ? 'symlinkat' : item.type === 'hardlink' ? 'linkat' : 'mknodat', result, item.path)
    try {
      if (item.type !== 'hardlink') {
        const { uid, gid } = this.#outside(this.#ownerOf(item), item.path)
        calls.changeOwnerAt(parent.fd, temporary, uid, gid)
        if (item.type !== 'symlink') this.#modeOf(parent.fd, item)
        calls.changeTimesAt(parent.fd, temporary, item.mtime)
      }
      this.#settle(parent, item)
    } finally {
      // renaming one name of a file over another does nothing
      calls.remove(parent.fd, temporary)
    }
  }

  /** fchmodat(2) follows links, and a container may have put one there since. */
  #modeOf(folder: number, item: Item): void {
    const fd = openName(folder, this.#temporary)
    if (fd < 0) throw this.#failed('openat', fd, item.path)
    try {
      if (!statOf(fd).isSymbolicLink()) changeMode(fd, this.#mode(item))
    } finally {
      closeSync(fd)
    }
  }

  /** The folder of the first name. */
  #linked({ link, path }: Item): number {
    return openFolder(this.#at(parentOf(link!)).fd, path)
  }

  #conflict(path: string, problem: string): WherryError {
    return new WherryError('already-exists', `${this.#tree.name}${shown(path)} ${problem}`)
  }

  #failed(call: string, result: number, path: string): SyscallError {
    return new SyscallError(call, -result, { args: [`${this.#tree.name}${shown(path)}`] })
  }
}

/** Writes the first `size` bytes of a file to a sink, without its holes; what it has lost meanwhile is left out. */
export const pour = (
  fd: number,
  size: number,
  sink: Sink,
  extents?: readonly { readonly offset: number; readonly length: number }[],
): void => {
  const bytes = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, size)))
  for (const { offset, length } of extents ?? [{ offset: 0, length: size }])
    for (let done = 0; done < length; ) {
      const count = readSync(fd, bytes, 0, Math.min(bytes.length, length - done), offset + done)
      if (count === 0) break
      sink.write(bytes.subarray(0, count), offset + done)
      done += count
    }
}
