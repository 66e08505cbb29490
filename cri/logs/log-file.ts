/**
 * The file of a log. Its folder is kubelet's, and may be one that a container can write to (a hostPath of /var/log): below the pod's folder no
 * link is followed, and nothing is written to but a regular file.
 */
import { closeSync, fstatSync, ftruncateSync, lstatSync, mkdirSync, readdirSync, readSync, write, writeSync } from 'node:fs'
import { basename, dirname, normalize } from 'node:path'
import { promisify } from 'node:util'
import { WherryError } from '../../runtime/errors.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import {
  AT_FDCWD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDWR,
  OPEN_HOW,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
} from '../../runtime/sys/abi/fcntl.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { ARCH, trySyscall } from '../../runtime/sys/syscall.ts'
import type { Container } from '../state/types.ts'
import type { Identity } from './place.ts'

/** A disk may keep a writer waiting, and a thread of libuv's with it, but not this one. */
const writeLater: (fd: number, bytes: Buffer, offset: number, length: number, position: null) => Promise<{ bytesWritten: number }> =
  promisify(write)
/** For as little as that a thread would cost more than the write. */
const LITTLE = 16 * 1024
const NEWLINE = 0x0a

export interface LogPath {
  /** The pod’s folder, kubelet’s word for it, and the file below it. */
  readonly folder: string
  readonly name: string
}

export const logPathOf = (logPath: string, config: Pick<Container['config'], 'logPath'>): LogPath => {
  const name = normalize(config.logPath).replace(/^\/+/, '')
  const folder = logPath.slice(0, -name.length - 1)
  if (name !== '' && folder !== '' && logPath === `${folder}/${name}`) return { folder, name }
  return { folder: dirname(logPath), name: basename(logPath) }
}

/** Where the logs of all pods are may be a link of the administrator’s; the pod’s own folder is one that kubelet has made. */
const openPodFolder = (folder: string): number =>
  trySyscall('openat', AT_FDCWD, folder, O_PATH | O_CLOEXEC | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH], 0)

const openFolderBeneath = (root: number, path: string): number => {
  const how = Buffer.alloc(OPEN_HOW.size)
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC | O_DIRECTORY[ARCH]), OPEN_HOW.flags)
  how.writeBigUInt64LE(BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), OPEN_HOW.resolve)
  return trySyscall('openat2', root, path, how, OPEN_HOW.size)
}

const refused = (call: string, errno: number, path: string): Error =>
  errno === ERRNO.ELOOP
    ? new WherryError('failed-precondition', `log ${path}: a symbolic link is in its place: remove that`)
    : new SyscallError(call, errno, { args: [path] })

/** A descriptor of the folder that the file is in; folders that are not there are made, 0755. */
const openFolder = ({ folder, name }: LogPath): number => {
  let root = openPodFolder(folder)
  if (root === -ERRNO.ENOENT) {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
    root = openPodFolder(folder)
  }
  if (root === -ERRNO.ENOTDIR)
    throw new WherryError('failed-precondition', `log ${folder}: this is no folder, or a symbolic link is in its place: remove that`)
  if (root < 0) throw refused('openat', -root, folder)
  if (dirname(name) === '.') return root
  try {
    const path = dirname(name)
    let found = openFolderBeneath(root, path)
    if (found === -ERRNO.ENOENT) {
      const parts = path.split('/')
      for (let depth = 1; depth <= parts.length; depth += 1) {
        const parent = depth === 1 ? root : openFolderBeneath(root, parts.slice(0, depth - 1).join('/'))
        if (parent < 0) throw refused('openat2', -parent, `${folder}/${path}`)
        const made = trySyscall('mkdirat', parent, parts[depth - 1]!, 0o755)
        if (parent !== root) closeSync(parent)
        if (made < 0 && made !== -ERRNO.EEXIST) throw refused('mkdirat', -made, `${folder}/${path}`)
      }
      found = openFolderBeneath(root, path)
    }
    if (found < 0) throw refused('openat2', -found, `${folder}/${path}`)
    return found
  } finally {
    closeSync(root)
  }
}

export class LogFile implements Identity {
  readonly fd: number
  readonly dev: bigint
  readonly ino: bigint

  private constructor(fd: number, path: string) {
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) throw new WherryError('failed-precondition', `log ${path}: something that is no regular file is in its place`)
    this.fd = fd
    this.dev = stat.dev
    this.ino = stat.ino
  }

  static #openAt(folder: number, name: string, flags: number, path: string): LogFile | undefined {
    const fd = trySyscall('openat', folder, name, O_RDWR | O_APPEND | O_NOFOLLOW[ARCH] | O_NONBLOCK | O_CLOEXEC | flags, 0o640)
    if (fd === -ERRNO.ENOENT) return undefined
    if (fd < 0) throw refused('openat', -fd, path)
    try {
      return new LogFile(fd, path)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** The file at its path, made (0640) with its folders if it is not there. */
  static open(path: LogPath): LogFile {
    const folder = openFolder(path)
    try {
      const whole = `${path.folder}/${path.name}`
      const file = LogFile.#openAt(folder, basename(path.name), O_CREAT, whole)
      if (file === undefined) throw new SyscallError('openat', ERRNO.ENOENT, { args: [whole] })
      return file
    } finally {
      closeSync(folder)
    }
  }

  /** The one that was at the path and has been renamed within its folder. */
  static find(path: LogPath, { dev, ino }: Identity): LogFile | undefined {
    const folder = openFolder(path)
    try {
      const entries = `/proc/self/fd/${folder}`
      for (const name of readdirSync(entries)) {
        const stat = lstatSync(`${entries}/${name}`, { bigint: true, throwIfNoEntry: false })
        if (stat?.ino !== ino || stat.dev !== dev || !stat.isFile()) continue
        const file = LogFile.#openAt(folder, name, 0, `${path.folder}/${name}`)
        if (file?.is({ dev, ino }) === true) return file
        file?.close()
      }
      return undefined
    } finally {
      closeSync(folder)
    }
  }

  is({ dev, ino }: Identity): boolean {
    return this.dev === dev && this.ino === ino
  }

  get size(): number {
    return fstatSync(this.fd).size
  }

  /** How many of `bytes` from `from` on stand in the file at `at`. */
  matches(bytes: Buffer, from: number, to: number, at: number): number {
    const there = Buffer.allocUnsafe(to - from)
    const length = readSync(this.fd, there, 0, there.length, at)
    if (bytes.compare(there, 0, length, from, from + length) === 0) return length
    let same = 0
    while (same < length && there[same] === bytes[from + same]) same += 1
    return same
  }

  /**
   * Appends whole lines. `progress` is told how many bytes are in the file, also where it throws: then these are whole lines too, the rest of
   * one that was broken off is taken back.
   */
  async append(bytes: Buffer, from: number, to: number, progress: (length: number) => void): Promise<void> {
    for (let at = from; at < to; ) {
      try {
        at +=
          to - at <= LITTLE ? writeSync(this.fd, bytes, at, to - at) : (await writeLater(this.fd, bytes, at, to - at, null)).bytesWritten
      } catch (error) {
        const line = at === from ? from : Math.max(from, bytes.lastIndexOf(NEWLINE, at - 1) + 1)
        if (at > line) this.truncate(this.size - (at - line))
        progress(line - from)
        throw error
      }
      progress(at - from)
    }
  }

  truncate(size: number): void {
    ftruncateSync(this.fd, size)
  }

  close(): void {
    closeSync(this.fd)
  }
}
