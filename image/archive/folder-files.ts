/** The files of a folder, beneath it: openat2(2) with RESOLVE_BENEATH, so that no link of a stranger’s folder leads out of it. */
import { closeSync, fstatSync, type Stats } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { ERRNO, errnoName } from '../../runtime/sys/abi/errno.ts'
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  OPEN_HOW,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
} from '../../runtime/sys/abi/fcntl.ts'
import { ARCH, trySyscall } from '../../runtime/sys/syscall.ts'
import type { Files, StreamOptions } from './files.ts'
import { readRange, streamRange } from './read-range.ts'

const how = (): Uint8Array => {
  const bytes = Buffer.alloc(OPEN_HOW.size)
  // not blocking: a FIFO in the place of a file must not hold us up
  bytes.writeBigUInt64LE(BigInt(O_RDONLY | O_CLOEXEC | O_NONBLOCK), OPEN_HOW.flags)
  bytes.writeBigUInt64LE(BigInt(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS), OPEN_HOW.resolve)
  return bytes
}

export class FolderFiles implements Files {
  readonly name: string
  readonly #fd: number
  #open = true

  constructor(folder: string, name: string) {
    this.name = name
    const fd = trySyscall('openat', AT_FDCWD, folder, O_PATH | O_DIRECTORY[ARCH] | O_CLOEXEC, 0)
    if (fd === -ERRNO.ENOENT) throw new WherryError('not-found', `${name}: there is no such folder`)
    if (fd === -ERRNO.ENOTDIR)
      throw new WherryError('invalid-argument', `${name}: this is no folder; for an archive use oci-archive: or docker-archive:`)
    if (fd < 0) throw new WherryError('permission-denied', `${name}: opening the folder: ${errnoName(-fd)}`)
    this.#fd = fd
  }

  size(path: string): number | undefined {
    const opened = this.#openFile(path)
    if (opened === undefined) return undefined
    closeSync(opened.fd)
    return opened.stat.size
  }

  read(path: string, largest: number): Uint8Array {
    const { fd, stat } = this.#mustOpen(path)
    try {
      if (stat.size > largest)
        throw new WherryError(
          'invalid-argument',
          `${this.name}: ${JSON.stringify(path)} has ${stat.size} bytes, at most ${largest} are allowed`,
        )
      return readRange(fd, { offset: 0, length: stat.size }, this.name)
    } finally {
      closeSync(fd)
    }
  }

  async *stream(path: string, { offset = 0, signal }: StreamOptions = {}): AsyncGenerator<Uint8Array> {
    const { fd, stat } = this.#mustOpen(path)
    try {
      const skipped = Math.min(offset, stat.size)
      yield* streamRange(fd, { offset: skipped, length: stat.size - skipped }, this.name, signal)
    } finally {
      closeSync(fd)
    }
  }

  close(): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }

  #mustOpen(path: string): { readonly fd: number; readonly stat: Stats } {
    const opened = this.#openFile(path)
    if (opened === undefined) throw new WherryError('not-found', `${this.name}: there is no file ${JSON.stringify(path)}`)
    return opened
  }

  #openFile(path: string): { readonly fd: number; readonly stat: Stats } | undefined {
    const fd = trySyscall('openat2', this.#fd, path, how(), OPEN_HOW.size)
    if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined
    if (fd === -ERRNO.EXDEV)
      throw new WherryError('permission-denied', `${this.name}: ${JSON.stringify(path)} is a link out of the folder, which is not followed`)
    if (fd < 0) throw new WherryError('permission-denied', `${this.name}: opening ${JSON.stringify(path)}: ${errnoName(-fd)}`)
    const stat = fstatSync(fd)
    if (stat.isFile()) return { fd, stat }
    closeSync(fd)
    throw new WherryError('invalid-argument', `${this.name}: ${JSON.stringify(path)} is no regular file`)
  }
}
