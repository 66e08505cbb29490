/** Whole blobs by digest: OCI image-layout.md, "Blobs". A file here was verified before it got its name. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { algorithmOf, type Digest, digestOf } from '../digest.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import type { Descriptor } from '../spec/types.ts'
import { guard, guardAsync } from './errors.ts'
import { writeWhole } from './files.ts'
import { beginIngest } from './ingest.ts'
import { algorithmFolder, blobPath, type Layout, mustWrite, temporaryPath } from './layout.ts'
import { moveAway, removeSeen } from './trash.ts'
import { verifyBlob } from './check/verify.ts'
import type { BlobIngest, Blobs, WaitOptions } from './types.ts'

const openBlob = (layout: Layout, digest: Digest): { fd: number; size: number } =>
  guard(`store ${layout.root}: opening blob ${digest}`, () => {
    let fd: number
    try {
      fd = openSync(blobPath(layout, digest), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw new WherryError('not-found', `store ${layout.root}: there is no blob ${digest}`)
      if (isErrno(error, 'ELOOP')) throw damaged(layout, digest, 'is a symbolic link')
      throw error
    }
    const stat = fstatSync(fd)
    if (stat.isFile()) return { fd, size: stat.size }
    closeSync(fd)
    throw damaged(layout, digest, 'is no file')
  })

const damaged = (layout: Layout, digest: Digest, problem: string): WherryError =>
  new WherryError('data-loss', `store ${layout.root}: blob ${digest} ${problem}: run \`wherry system check --repair\``)

const readAll = (fd: number, size: number): Uint8Array => {
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  while (at < size) {
    const read = readSync(fd, bytes, at, size - at, at)
    if (read === 0) break
    at += read
  }
  return bytes.subarray(0, at)
}

/** @param trusting documents are not hashed when they are read */
export const makeBlobs = (layout: Layout, trusting = false): Blobs => ({
  size(digest: Digest): number | undefined {
    return guard(`store ${layout.root}: looking for blob ${digest}`, () => {
      const stat = lstatSync(blobPath(layout, digest), { throwIfNoEntry: false })
      return stat?.isFile() === true ? stat.size : undefined
    })
  },

  has(digest: Digest, size?: number): boolean {
    const there = this.size(digest)
    return there !== undefined && (size === undefined || there === size)
  },

  read(digest: Digest): Uint8Array {
    const { fd, size } = openBlob(layout, digest)
    try {
      if (size > LARGEST_DOCUMENT)
        throw new WherryError(
          'invalid-argument',
          `store ${layout.root}: blob ${digest} has ${size} bytes: no document is larger than ${LARGEST_DOCUMENT}`,
        )
      const bytes = guard(`store ${layout.root}: reading blob ${digest}`, () => readAll(fd, size))
      if (!trusting && digestOf(bytes, algorithmOf(digest)) !== digest) throw damaged(layout, digest, 'has been damaged')
      return bytes
    } finally {
      closeSync(fd)
    }
  },

  open(digest: Digest): number {
    return openBlob(layout, digest).fd
  },

  removeIfDamaged(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    mustWrite(layout)
    return guardAsync(`store ${layout.root}: verifying blob ${digest}`, async () => {
      const path = blobPath(layout, digest)
      const verdict = await verifyBlob(path, digest, signal === undefined ? {} : { signal })
      if (verdict?.problem === undefined) return false
      await removeSeen(layout, path, verdict.inode)
      return true
    })
  },

  async put(bytes: Uint8Array, digest: Digest): Promise<void> {
    mustWrite(layout)
    if (digestOf(bytes, algorithmOf(digest)) !== digest)
      throw new WherryError(
        'data-loss',
        `store ${layout.root}: ${bytes.length} bytes were to be stored as ${digest}, but that is not their digest`,
      )
    if (this.has(digest, bytes.length)) return
    await guardAsync(`store ${layout.root}: writing blob ${digest}`, async () => {
      algorithmFolder(layout, 'blobs', digest)
      moveAway(layout, blobPath(layout, digest))
      await writeWhole(blobPath(layout, digest), bytes, { temporary: temporaryPath(layout) })
    })
  },

  ingest(descriptor: Descriptor, options: WaitOptions = {}): Promise<BlobIngest | undefined> {
    mustWrite(layout)
    return guardAsync(`store ${layout.root}: writing blob ${descriptor.digest}`, () => beginIngest(layout, descriptor, options))
  },
})
