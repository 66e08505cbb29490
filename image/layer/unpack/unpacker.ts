/**
 * Makes in a folder what the entries of a layer say, ready to be a layer of overlayfs. Every name is looked up in a descriptor of its parent,
 * nothing that exists is written to or followed, and what comes again replaces what was there, as with umoci.
 */
import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs'
import { WherryError } from '../../../runtime/errors.ts'
import { errnoName } from '../../../runtime/sys/abi/errno.ts'
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW } from '../../../runtime/sys/abi/fcntl.ts'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_ISGID } from '../../../runtime/sys/abi/stat.ts'
import { isErrno, SyscallError } from '../../../runtime/sys/error.ts'
import { ARCH } from '../../../runtime/sys/syscall.ts'
import { shown } from '../bytes.ts'
import type { Entry, LayerFacts } from '../entry.ts'
import { type LayerLimits, limitExceeded } from '../limits.ts'
import { baseOf, joined, parentOf } from '../names.ts'
import type { Sink } from '../tar/body.ts'
import { malformed } from '../tar/malformed.ts'
import { applyNamed, applyOpen, applyXattr, DEFAULT_ACL, explainOwner, own } from './attributes.ts'
import * as calls from './calls.ts'
import { type Folder, Folders, isWhiteout, NoFolder } from './folders.ts'
import { removeTree } from './rubbish.ts'

/** Whose names overlayfs keeps its own attributes under: `user` where it is mounted with `userxattr`, in user namespaces. */
export type OverlayStyle = 'trusted' | 'user'

const EPERM = 1
const EEXIST = 17
const EMLINK = 31

const YES = Buffer.from('y')
const OVERLAY = /^(trusted|user)\.overlay\./

/** From here on a file’s pages are sent to the disk when it is complete, so that the sync at the end of the layer has less to wait for. */
const EARLY = 1 << 20

const refused = (call: 'openat' | 'mkdirat' | 'mknodat' | 'symlinkat' | 'linkat', result: number, path: string): SyscallError =>
  new SyscallError(call, -result, { args: [shown(path)] })

export class Unpacker {
  readonly #folder: string
  readonly #limits: LayerLimits
  readonly #opaque: string
  readonly #own = own()
  readonly #root: number
  readonly #folders: Folders
  /** Hard links into lower layers, by their own path. */
  readonly #links = new Map<string, string>()
  readonly #skipped: string[] = []
  /** By path of the folder. */
  readonly #defaultAcls = new Map<string, Uint8Array>()
  #entries = 0
  #size = 0
  #rootEntry = false
  #opaqueRoot = false
  /** Descriptor of the file that is being written. */
  #file = -1

  /** In `folder`/root, which is made unless it is there; it must be empty. */
  constructor(folder: string, limits: LayerLimits, style: OverlayStyle) {
    this.#folder = folder
    this.#limits = limits
    this.#opaque = `${style}.overlay.opaque`
    try {
      mkdirSync(`${folder}/root`)
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
    this.#root = openSync(`${folder}/root`, O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC)
    try {
      calls.removeXattr(this.#root, DEFAULT_ACL)
      calls.changeOwner(this.#root, this.#own.uid, this.#own.gid, 'the layer’s root')
      calls.changeMode(this.#root, 0o755, 'the layer’s root')
      this.#folders = new Folders(this.#root, limits, (made) => this.#hideLower(made))
    } catch (error) {
      closeSync(this.#root)
      throw error
    }
  }

  /** Throws `invalid-argument`, `resource-exhausted`, and SyscallError for what the system refuses. */
  take(entry: Entry): Sink | undefined {
    this.#entries++
    try {
      return this.#take(entry)
    } catch (error) {
      if (error instanceof NoFolder)
        throw malformed(
          `entry ${shown(entry.path)} lies in ${shown(error.path)}, which an earlier entry has made something else than a folder`,
        )
      throw explainOwner(error, entry)
    }
  }

  /** Sets what can only be set at last. */
  finish(): LayerFacts {
    for (const [path, acl] of this.#defaultAcls) this.#applyDefaultAcl(path, acl)
    this.#folders.end()
    closeSync(this.#root)
    return {
      size: this.#size,
      entries: this.#entries,
      implied: [...this.#folders.implied].sort(),
      links: [...this.#links].map(([path, target]) => ({ path, target })),
      root: this.#rootEntry,
      opaque: this.#opaqueRoot,
      skipped: this.#skipped,
    }
  }

  /** After a failure: leaves no descriptor; the folder is the caller’s to remove. */
  abandon(): void {
    if (this.#file >= 0) calls.close(this.#file)
    this.#file = -1
    this.#folders.abandon()
    closeSync(this.#root)
  }

  #take(entry: Entry): Sink | undefined {
    if (!entry.exists) this.#whiteout(entry)
    else if (entry.type === 'file') return this.#makeFile(entry)
    else if (entry.type === 'directory') this.#makeFolder(entry)
    else if (entry.type === 'hardlink') this.#makeLink(entry, entry.link!)
    else this.#makeNamed(entry)
    return undefined
  }

  #makeFile(entry: Entry): Sink | undefined {
    let folder = this.#folders.at(parentOf(entry.path))
    const name = baseOf(entry.path)
    const mode = entry.mode & 0o777
    let fd = calls.createFile(folder.fd, name, mode)
    if (fd === -EEXIST) {
      folder = this.#clear(folder, name)
      fd = calls.createFile(folder.fd, name, mode)
    }
    if (fd < 0) throw refused('openat', fd, entry.path)
    this.#file = fd
    this.#forgetLink(folder, name)
    if (entry.size > 0) return this.#fileSink(fd, entry, folder)
    this.#closeFile(fd, entry, folder)
    return undefined
  }

  /** The folder stays the one used last, and so open, until the file is complete. */
  #fileSink(fd: number, entry: Entry, folder: Folder): Sink {
    let end = 0
    return {
      write: (bytes, offset) => {
        calls.writeAll(fd, bytes, offset, entry.path)
        end = offset + bytes.length
        this.#size += bytes.length
      },
      close: () => {
        // holes at the end
        if (end < entry.size) calls.truncate(fd, entry.size, entry.path)
        if (end >= EARLY) calls.beginWriting(fd)
        this.#closeFile(fd, entry, folder)
      },
    }
  }

  #closeFile(fd: number, entry: Entry, folder: Folder): void {
    try {
      applyOpen(fd, entry, folder, this.#own, entry.mode & 0o777 & ~this.#own.umask)
      calls.changeTimes(fd, entry.mtime, entry.path)
    } catch (error) {
      throw explainOwner(error, entry)
    }
    this.#file = -1
    calls.close(fd)
  }

  #makeFolder(entry: Entry): void {
    if (entry.path === '') {
      this.#rootEntry = true
      this.#describeAgain(this.#folders.at(''), entry)
      return
    }
    let parent = this.#folders.at(parentOf(entry.path))
    const name = baseOf(entry.path)
    let folder = this.#folders.make(parent, name, entry.mode)
    if (folder === -EEXIST) {
      const { mode } = calls.statAtName(parent.fd, name)!
      if ((mode & S_IFMT) === S_IFDIR) {
        this.#describeAgain(this.#folders.at(joined(parent.path, name)), entry)
        return
      }
      parent = this.#clear(parent, name)
      folder = this.#folders.make(parent, name, entry.mode)
      // the layer has had something else here: what is below is hidden for good
      if (typeof folder !== 'number') this.#hideLower(folder)
    }
    if (typeof folder === 'number') throw refused('mkdirat', folder, entry.path)
    this.#forgetLink(parent, name)
    applyOpen(folder.fd, entry, parent, this.#own, parent.setgid ? -1 : entry.mode & 0o777 & ~this.#own.umask)
    this.#describe(folder, entry)
  }

  /** The last entry for a folder counts, with all of its attributes. */
  #describeAgain(folder: Folder, entry: Entry): void {
    for (const name of calls.listXattrs(folder.fd, folder.path))
      if (!OVERLAY.test(name) && !name.startsWith('security.selinux')) calls.removeXattr(folder.fd, name)
    this.#defaultAcls.delete(folder.path)
    applyOpen(folder.fd, entry, folder, this.#own, -1)
    this.#describe(folder, entry)
  }

  #describe(folder: Folder, entry: Entry): void {
    folder.mtime = entry.mtime
    folder.gid = entry.gid
    folder.setgid = (entry.mode & S_ISGID) !== 0
    this.#folders.explicit(folder.path)
    if (entry.whiteout === 'opaque') this.#hideLower(folder)
    const acl = entry.xattrs.get(DEFAULT_ACL)
    if (acl === undefined) return
    this.#remember(this.#defaultAcls.size, folder.path)
    this.#defaultAcls.set(folder.path, acl)
  }

  #applyDefaultAcl(path: string, acl: Uint8Array): void {
    const { fd } = this.#folders.at(path)
    applyXattr(path, DEFAULT_ACL, acl, this.#own.confined, (name, value) => calls.setXattr(fd, name, value))
  }

  #makeNamed(entry: Entry): void {
    let folder = this.#folders.at(parentOf(entry.path))
    const name = baseOf(entry.path)
    const make = (): number => {
      if (entry.type === 'symlink') return calls.makeSymlink(entry.link!, folder.fd, name)
      const type = entry.type === 'character' ? S_IFCHR : entry.type === 'block' ? S_IFBLK : S_IFIFO
      return calls.makeNode(folder.fd, name, type | (entry.mode & 0o777), entry.major, entry.minor)
    }
    let result = make()
    if (result === -EEXIST) {
      folder = this.#clear(folder, name)
      result = make()
    }
    if (result === -EPERM && this.#own.confined && (entry.type === 'character' || entry.type === 'block')) {
      this.#remember(this.#skipped.length, entry.path)
      this.#skipped.push(entry.path)
      return
    }
    if (result < 0) throw refused(entry.type === 'symlink' ? 'symlinkat' : 'mknodat', result, entry.path)
    this.#forgetLink(folder, name)
    applyNamed(folder, name, entry, this.#own)
  }

  #makeLink({ path }: Entry, target: string): void {
    let folder = this.#folders.at(parentOf(path))
    const name = baseOf(path)
    const known = this.#targetOf(target)
    if (typeof known === 'string') {
      if (calls.statAtName(folder.fd, name) !== undefined) folder = this.#clear(folder, name)
      this.#remember(this.#links.size, path)
      this.#links.set(joined(folder.path, name), known)
      return
    }
    let result = calls.makeLink(known.folder.fd, known.name, folder.fd, name)
    if (result === -EEXIST) {
      if (calls.statAtName(folder.fd, name)!.ino === known.ino) return
      folder = this.#clear(folder, name)
      const again = this.#targetOf(target)
      if (typeof again === 'string') throw malformed(`hard link ${shown(path)} replaces what it leads to, ${shown(target)}`)
      result = calls.makeLink(again.folder.fd, again.name, folder.fd, name)
    }
    if (result === -EMLINK)
      throw new WherryError(
        'resource-exhausted',
        `layer: ${shown(target)} has more hard links than the file system of ${this.#folder} takes`,
      )
    if (result < 0) throw refused('linkat', result, path)
    this.#forgetLink(folder, name)
  }

  /** The name that a hard link leads to, or the path in the layers below. */
  #targetOf(target: string): string | { readonly folder: Folder; readonly name: string; readonly ino: bigint } {
    let folder: Folder
    try {
      folder = this.#folders.existing(parentOf(target))
    } catch (error) {
      if (error instanceof NoFolder) return target
      throw error
    }
    const name = baseOf(target)
    const stat = calls.statAtName(folder.fd, name)
    if (stat === undefined) return this.#links.get(joined(folder.path, name)) ?? target
    if ((stat.mode & S_IFMT) === S_IFDIR) throw malformed(`hard link to ${shown(target)}, which is a folder`)
    if (isWhiteout(stat)) throw malformed(`hard link to ${shown(target)}, which the layer itself has removed`)
    return { folder, name, ino: stat.ino }
  }

  /** Whiteouts are about the layers below: what the layer itself has in the place stays, whichever comes first. */
  #whiteout({ path, whiteout }: Entry): void {
    try {
      if (whiteout === 'opaque') this.#hideLower(this.#folders.at(path))
      else this.#hide(path)
    } catch (error) {
      // in something that is no folder nothing is hidden
      if (!(error instanceof NoFolder)) throw error
    }
  }

  #hide(path: string): void {
    const folder = this.#folders.at(parentOf(path))
    const name = baseOf(path)
    if (this.#links.has(joined(folder.path, name))) return
    const result = calls.makeNode(folder.fd, name, S_IFCHR)
    if (result === -EEXIST) {
      if ((calls.statAtName(folder.fd, name)!.mode & S_IFMT) === S_IFDIR) this.#hideLower(this.#folders.at(joined(folder.path, name)))
    } else if (result < 0) throw refused('mknodat', result, path)
  }

  #hideLower(folder: Folder): void {
    if (folder.path === '') {
      this.#opaqueRoot = true
      return
    }
    // what is nothing but opaque needs no attributes of a lower one
    const result = calls.setXattr(folder.fd, this.#opaque, YES)
    if (result < 0)
      throw new WherryError(
        'failed-precondition',
        `layer: ${shown(folder.path)}: ${this.#opaque} cannot be set in ${this.#folder}: ${errnoName(-result)}: put the store on a file system with extended attributes`,
      )
  }

  /** Makes room at a name. The result: the folder, which may have been shut and opened again. */
  #clear(folder: Folder, name: string): Folder {
    const path = joined(folder.path, name)
    const type = calls.statAtName(folder.fd, name)!.mode & S_IFMT
    if (type !== S_IFDIR) {
      const result = calls.remove(folder.fd, name)
      if (result < 0) throw new SyscallError('unlinkat', -result, { args: [shown(path)] })
      if (type !== S_IFLNK) return folder
      this.#folders.forget()
      return this.#folders.at(folder.path)
    }
    this.#folders.forget()
    const parent = this.#folders.at(folder.path)
    this.#removeTree(parent, name)
    this.#folders.forgetImplied(path)
    const gone = (other: string): boolean => other === path || other.startsWith(`${path}/`)
    for (const link of this.#links.keys()) if (gone(link)) this.#links.delete(link)
    for (const acl of this.#defaultAcls.keys()) if (gone(acl)) this.#defaultAcls.delete(acl)
    return parent
  }

  #removeTree(parent: Folder, name: string): void {
    const aside = `${this.#folder}/removed`
    mkdirSync(aside, { mode: 0o700 })
    const fd = openSync(aside, O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC)
    try {
      removeTree(parent.fd, name, fd)
    } finally {
      closeSync(fd)
    }
    rmdirSync(aside)
  }

  #forgetLink(folder: Folder, name: string): void {
    if (this.#links.size > 0) this.#links.delete(joined(folder.path, name))
  }

  #remember(already: number, path: string): void {
    if (already >= this.#limits.remembered) throw limitExceeded(this.#limits, 'remembered', shown(path))
  }
}
