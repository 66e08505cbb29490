/**
 * Bringing a blob: ingest/<alg>-<hex>, locked by who writes it. It outlives its writer, and the next one goes on where it ended.
 *
 * A file that was unlinked or renamed while somebody waited for its lock is not what the path names any more: having got a lock,
 * one looks whether it is still the lock of something.
 */
import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { SEEK_END } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import type { Descriptor } from '../spec/types.ts'
import { guard, guardAsync } from './errors.ts'
import { syncFile, syncFolder } from './files.ts'
import { tryFlock, unlock, until } from './flock.ts'
import { algorithmFolder, blobPath, ingestPath, type Layout } from './layout.ts'
import { moveAway, toTrash } from './trash.ts'
import type { BlobIngest, WaitOptions } from './types.ts'

const isThere = (layout: Layout, { digest, size }: Descriptor): boolean => {
  const stat = lstatSync(blobPath(layout, digest), { throwIfNoEntry: false })
  return stat?.isFile() === true && stat.size === size
}

/** A plain file of that one name; anything else that has the name is put aside. */
const open = (layout: Layout, path: string): number => {
  for (;;) {
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
      const stat = fstatSync(fd)
      if (stat.isFile() && stat.nlink <= 1) return fd
      closeSync(fd)
    } catch (error) {
      if (!isErrno(error, 'ELOOP', 'EISDIR', 'ENXIO')) throw error
    }
    toTrash(layout, path)
  }
}

const isSame = (fd: number, path: string): boolean => {
  const [own, there] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })]
  return there !== undefined && own.ino === there.ino && own.dev === there.dev
}

class Ingest implements BlobIngest {
  readonly descriptor: Descriptor
  readonly fd: number
  readonly offset: number
  readonly #layout: Layout
  readonly #path: string
  #open = true

  constructor(layout: Layout, path: string, fd: number, offset: number, descriptor: Descriptor) {
    this.#layout = layout
    this.#path = path
    this.fd = fd
    this.offset = offset
    this.descriptor = descriptor
  }

  async commit(): Promise<void> {
    if (!this.#open) return
    const { digest, size } = this.descriptor
    try {
      await guardAsync(`store ${this.#layout.root}: writing blob ${digest}`, async () => {
        const written = fstatSync(this.fd).size
        if (written !== size) throw new WherryError('data-loss', `blob ${digest} is to have ${size} bytes, ${written} were written`)
        await syncFile(this.fd)
        const folder = algorithmFolder(this.#layout, 'blobs', digest)
        const target = blobPath(this.#layout, digest)
        moveAway(this.#layout, target)
        renameSync(this.#path, target)
        await syncFolder(folder)
      })
    } finally {
      this.#close()
    }
  }

  suspend(): void {
    if (!this.#open) return
    if (fstatSync(this.fd).size === 0) this.discard()
    else this.#close()
  }

  discard(): void {
    if (!this.#open) return
    try {
      guard(`store ${this.#layout.root}: discarding blob ${this.descriptor.digest}`, () => unlinkSync(this.#path))
    } finally {
      this.#close()
    }
  }

  #close(): void {
    this.#open = false
    unlock(this.fd)
  }
}

export const beginIngest = async (
  layout: Layout,
  descriptor: Descriptor,
  { signal, onWait }: WaitOptions,
): Promise<BlobIngest | undefined> => {
  const path = ingestPath(layout, descriptor.digest)
  let told = -1
  const look = (): { readonly ingest?: BlobIngest } | undefined => {
    if (isThere(layout, descriptor)) return {}
    const fd = open(layout, path)
    let kept = false
    try {
      const stat = fstatSync(fd)
      if (!tryFlock(fd, 'exclusive', path)) {
        if (stat.size !== told) onWait?.(stat.size)
        told = stat.size
        return undefined
      }
      if (!isSame(fd, path)) return undefined
      if (isThere(layout, descriptor)) {
        unlinkSync(path)
        return {}
      }
      const { size } = fstatSync(fd)
      const offset = size > descriptor.size ? 0 : size
      if (offset !== size) ftruncateSync(fd, 0)
      syscall('lseek', [fd, 0, SEEK_END])
      kept = true
      return { ingest: new Ingest(layout, path, fd, offset, descriptor) }
    } finally {
      if (!kept) closeSync(fd)
    }
  }
  return (await until(look, signal)).ingest
}
