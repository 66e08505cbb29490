/**
 * Completes a layer that was unpacked by itself with what it takes from the layers below: attributes of folders it has no entry for, and
 * files it has hard links to. After this it is right upon these layers only.
 */
import { closeSync, constants, copyFileSync, openSync, readdirSync } from 'node:fs'
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW } from '../../runtime/sys/abi/fcntl.ts'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import { decodeBytes, shown } from './bytes.ts'
import type { LayerFacts } from './entry.ts'
import { Merged, type Place } from './merged.ts'
import { baseOf, joined, parentOf } from './names.ts'
import { malformed } from './tar/malformed.ts'
import * as calls from './unpack/calls.ts'
import type { OverlayStyle } from './unpack/unpacker.ts'

const EEXIST = 17
const YES = Buffer.from('y')
const OVERLAY = /^(trusted|user)\.overlay\./

const refuse = (
  call: 'mkdirat' | 'linkat' | 'mknodat' | 'symlinkat' | 'fsetxattr' | 'unlinkat',
  result: number,
  path: string,
): SyscallError => new SyscallError(call, -result, { args: [shown(path)] })

/**
 * `folder` as given to `unpackLayer`; `lowers` are the root/ folders of the layers below, lowest first, fixed up themselves. The result is what is to be
 * kept of the layer; `''` among its implied folders: the root depends on the layers below. Throws `invalid-argument` if a hard link leads
 * nowhere; then the layer is of no use.
 */
export const fixUp = (folder: string, facts: LayerFacts, lowers: readonly string[], style: OverlayStyle): LayerFacts => {
  if (facts.links.length === 0 && lowers.length === 0) return facts
  const fds: number[] = []
  try {
    for (const path of [`${folder}/root`, ...lowers.toReversed()])
      fds.push(openSync(path, O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC))
    const fix = new FixUp(fds, facts, style)
    try {
      return fix.run()
    } finally {
      fix.close()
    }
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

class FixUp {
  readonly #fds: readonly number[]
  readonly #own: number
  readonly #facts: LayerFacts
  readonly #style: OverlayStyle
  /** The layers below, and those with this one on top. */
  readonly #below: Merged
  readonly #all: Merged
  readonly #implied = new Set<string>()
  #stale = false
  /** Folders that are symlinks below: what the layer has in them belongs to where those lead. */
  readonly #moved: (readonly [from: string, to: string])[] = []

  constructor(fds: readonly number[], facts: LayerFacts, style: OverlayStyle) {
    this.#own = fds[0]!
    this.#facts = facts
    this.#style = style
    const opaque = `${style}.overlay.opaque`
    this.#below = new Merged(facts.opaque ? [] : fds.slice(1), opaque)
    this.#all = new Merged(facts.opaque ? fds.slice(0, 1) : fds, opaque)
    this.#fds = fds
  }

  run(): LayerFacts {
    const rootTime = calls.statOf(this.#own, 'the layer’s root').mtime
    const times = new Map<string, bigint>()
    for (const path of this.#facts.implied) this.#imply(path)
    for (const { path, target } of this.#facts.links) this.#link(this.#real(path), target, times)
    for (const [path, mtime] of times) this.#inOwn(path, (fd) => calls.changeTimes(fd, mtime, path))
    // what is made in a folder changes its time, so inner ones come first
    for (const path of [...this.#implied].sort().reverse()) this.#adopt(path)
    if (this.#facts.opaque) this.#hideRoot()
    calls.changeTimes(this.#own, rootTime, 'the layer’s root')
    if (this.#facts.opaque || (!this.#facts.root && this.#adoptRoot())) this.#implied.add('')
    return { ...this.#facts, implied: [...this.#implied].sort() }
  }

  close(): void {
    this.#below.close()
    this.#all.close()
  }

  #real(path: string): string {
    for (const [from, to] of this.#moved)
      if (path === from || path.startsWith(`${from}/`)) return this.#real(joined(to, path.slice(from.length + 1)))
    return path
  }

  #inOwn<Result>(path: string, action: (fd: number) => Result): Result {
    const fd = path === '' ? calls.openFolder(this.#own, '.') : calls.openFolderStraight(this.#own, path)
    if (fd < 0) throw new SyscallError('openat2', -fd, { args: [shown(path)] })
    try {
      return action(fd)
    } finally {
      calls.close(fd)
    }
  }

  #imply(said: string): void {
    const path = this.#real(said)
    const place = this.#below.find(path, false)
    if (place?.kind !== 'other' || (place.stat.mode & S_IFMT) !== S_IFLNK) {
      this.#implied.add(path)
      return
    }
    // the folder itself must not be found on the way
    const to = this.#below.find(path, true)
    if (to === undefined || to.kind === 'other') {
      this.#implied.add(path)
      return
    }
    if (to.path === '') this.#move(path, '')
    else {
      this.#ensure(to.path)
      this.#move(path, to.path)
    }
    this.#moved.push([path, to.path])
  }

  /** A folder of this layer at `path`, with those it lies in. */
  #ensure(path: string): void {
    if (path === '') return
    const parent = parentOf(path)
    this.#ensure(parent)
    const result = this.#inOwn(parent, (fd) => calls.makeFolder(fd, baseOf(path), 0o755))
    if (result === 0) {
      this.#implied.add(path)
      this.#stale = true
    } else if (result !== -EEXIST) throw refuse('mkdirat', result, path)
  }

  #move(from: string, to: string): void {
    this.#inOwn(from, (source) => this.#inOwn(to, (target) => this.#mergeInto(source, target, to)))
    this.#inOwn(parentOf(from), (parent) => {
      const result = calls.remove(parent, baseOf(from), true)
      if (result < 0) throw refuse('unlinkat', result, from)
    })
  }

  #mergeInto(source: number, target: number, path: string): void {
    if (this.#isOpaque(source, path)) this.#setOpaque(target, path)
    for (const bytes of readdirSync(`/proc/self/fd/${source}`, { encoding: 'buffer' })) {
      const name = decodeBytes(bytes)
      const inner = joined(path, name)
      const [from, to] = [calls.openFolder(source, name), calls.openFolder(target, name)]
      try {
        if (from >= 0 && to >= 0) {
          this.#mergeInto(from, to, inner)
          const result = calls.remove(source, name, true)
          if (result < 0) throw refuse('unlinkat', result, inner)
        } else if (to >= 0) throw malformed(`${shown(inner)} is a folder under one name, and something else under another`)
        else calls.rename(source, name, target, name)
      } finally {
        if (from >= 0) calls.close(from)
        if (to >= 0) calls.close(to)
      }
    }
  }

  #isOpaque(fd: number, path: string): boolean {
    return calls.listXattrs(fd, path).includes(`${this.#style}.overlay.opaque`)
  }

  #setOpaque(fd: number, path: string): void {
    const result = calls.setXattr(fd, `${this.#style}.overlay.opaque`, YES)
    if (result < 0) throw refuse('fsetxattr', result, path)
  }

  #link(path: string, target: string, times: Map<string, bigint>): void {
    // what it remembers of this layer has changed
    if (this.#stale) this.#all.close()
    this.#stale = false
    const place = this.#all.find(target, false)
    if (place?.kind !== 'other')
      throw malformed(`hard link ${shown(path)} leads to ${shown(target)}, which is no file of this layer or of one below`)
    const folder = parentOf(place.path)
    this.#ensure(folder)
    for (const parent of [folder, parentOf(path)])
      if (!times.has(parent) && !this.#implied.has(parent))
        times.set(
          parent,
          this.#inOwn(parent, (fd) => calls.statOf(fd, parent).mtime),
        )
    this.#inOwn(folder, (fd) => {
      if (place.layer > 0) copyUp(place, fd)
      this.#inOwn(parentOf(path), (other) => {
        const result = calls.makeLink(fd, baseOf(place.path), other, baseOf(path))
        if (result < 0) throw refuse('linkat', result, path)
      })
    })
  }

  /** Attributes of the folder that is seen through this one. */
  #adopt(path: string): void {
    const place = this.#below.find(path, false)
    if (place?.kind !== 'folder') return
    this.#inOwn(path, (fd) => copyAttributes(place.fd, fd, path))
  }

  /** True if that makes a difference; that of times is not one worth keeping the layer apart for. */
  #adoptRoot(): boolean {
    const below = this.#fds[1]
    if (below === undefined) return false
    const [theirs, mine] = [calls.statOf(below, 'the root below'), calls.statOf(this.#own, 'the layer’s root')]
    const xattrs = calls.listXattrs(below, 'the root below').some((name) => !OVERLAY.test(name) && name !== 'security.selinux')
    if (theirs.mode === mine.mode && theirs.uid === mine.uid && theirs.gid === mine.gid && !xattrs) return false
    copyAttributes(below, this.#own, 'the layer’s root')
    return true
  }

  /** overlayfs does not look at its roots’ attributes. */
  #hideRoot(): void {
    for (const below of this.#fds.slice(1))
      for (const bytes of readdirSync(`/proc/self/fd/${below}`, { encoding: 'buffer' })) {
        const name = decodeBytes(bytes)
        const result = calls.makeNode(this.#own, name, S_IFCHR)
        if (result === -EEXIST) {
          if ((calls.statAtName(this.#own, name)!.mode & S_IFMT) === S_IFDIR)
            this.#inOwn(name, (fd) => {
              const { mtime } = calls.statOf(fd, name)
              this.#setOpaque(fd, name)
              calls.changeTimes(fd, mtime, name)
            })
        } else if (result < 0) throw refuse('mknodat', result, name)
      }
  }
}

const copyAttributes = (from: number, to: number, path: string): void => {
  const { mode, uid, gid, mtime } = calls.statOf(from, path)
  calls.changeOwner(to, uid, gid, path)
  calls.changeMode(to, mode & 0o7777, path)
  for (const name of calls.listXattrs(from, path)) {
    if (OVERLAY.test(name) || name === 'security.selinux') continue
    const result = calls.setXattr(to, name, calls.getXattr(from, name, path))
    if (result < 0) throw refuse('fsetxattr', result, path)
  }
  calls.changeTimes(to, mtime, path)
}

/** A file of a layer below, of whatever type but a folder, with all it has. */
const copyUp = (place: Extract<Place, { kind: 'other' }>, folder: number): void => {
  const { stat, path } = place
  const name = baseOf(path)
  const type = stat.mode & S_IFMT
  if (type === S_IFREG) {
    const flags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE
    copyFileSync(calls.procPath(place.folder, name), calls.procPath(folder, name), flags)
    const from = calls.openFileStraight(place.folder, name)
    const to = calls.openFileStraight(folder, name)
    try {
      if (from < 0 || to < 0) throw new SyscallError('openat2', -Math.min(from, to), { args: [shown(path)] })
      copyAttributes(from, to, path)
    } finally {
      if (from >= 0) calls.close(from)
      if (to >= 0) calls.close(to)
    }
    return
  }
  if (type === S_IFLNK) {
    const result = calls.makeSymlink(place.target!, folder, name)
    if (result < 0) throw refuse('symlinkat', result, path)
  } else {
    const device = type === S_IFCHR || type === S_IFBLK
    const result = calls.makeNode(folder, name, stat.mode, device ? stat.major : 0, device ? stat.minor : 0)
    if (result < 0) throw refuse('mknodat', result, path)
    calls.changeModeAt(folder, name, stat.mode & 0o7777)
  }
  calls.changeOwnerAt(folder, name, stat.uid, stat.gid)
  calls.changeTimesAt(folder, name, stat.mtime)
}
