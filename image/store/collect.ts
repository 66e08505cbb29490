/**
 * Collecting garbage.
 *
 * No lock is held while anything slow happens. First everything is marked without a lock, which reads the documents; they never change, so
 * they are known from then on. Then, with locks/gc held exclusively, it is marked again from index.json and the leases, and what nothing
 * refers to is renamed into the trash: a few microseconds each. Who adds to a lease or to index.json holds locks/gc shared, so that
 * what a pull has seen to be there stays there. Deleting comes after the lock.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Digest } from '../digest.ts'
import { guardAsync } from './errors.ts'
import { tryFlock, withLock } from './flock.ts'
import { digestFromJson } from './json.ts'
import { readRecord } from './layer-record.ts'
import { type Layout, lockPath, mustWrite } from './layout.ts'
import { deadOwners, releaseLease } from './leases.ts'
import { ageOf, diskOf, found, namesIn } from './listing.ts'
import { mark } from './mark.ts'
import type { Parts } from './parts.ts'
import { removeTree } from './remove-tree.ts'
import { toTrash } from './trash.ts'
import type { CollectOptions, Collected } from './types.ts'

const HOUR = 3_600_000
export const DEFAULT_AGE = 24 * HOUR

/** Renames what nothing refers to out of the way. */
const sweep = (
  parts: Parts,
  { released, age = DEFAULT_AGE }: CollectOptions,
): { blobs: number; layers: number; bytes: number; live: ReadonlySet<Digest> } => {
  const { layout } = parts
  const { all, live } = mark(parts, true)
  const freed = { blobs: 0, layers: 0, bytes: 0 }
  for (const kind of ['blobs', 'layers'] as const)
    for (const { path, digest, stat } of found(layout, kind)) {
      if (digest === undefined || all.has(digest)) continue
      if (released?.has(digest) !== true && ageOf(stat) < age) continue
      const record = kind === 'layers' ? readRecord(layout, digest) : undefined
      if (toTrash(layout, path) === undefined) continue
      freed[kind]++
      freed.bytes += typeof record === 'object' ? record.census.disk : diskOf(stat)
    }
  return { ...freed, live }
}

/** A file or folder that is locked while somebody works on it; undefined if somebody does, or it has gone. */
const lockDead = (path: string): number | undefined => {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'ENXIO')) return undefined
    throw error
  }
  if (tryFlock(fd, 'exclusive', path) && fstatSync(fd).ino === lstatSync(path, { throwIfNoEntry: false })?.ino) return fd
  closeSync(fd)
  return undefined
}

/** Partial blobs that nobody writes and that are old, or of no use. */
const sweepIngests = (
  { layout, blobs }: Parts,
  { released, age = DEFAULT_AGE }: CollectOptions,
  live: ReadonlySet<Digest>,
): { count: number; bytes: number } => {
  const freed = { count: 0, bytes: 0 }
  for (const name of namesIn(`${layout.root}/ingest`)) {
    const path = `${layout.root}/ingest/${name}`
    if (name.startsWith('trash-')) continue
    const digest = digestFromJson(name.replace('-', ':'))
    const fd = lockDead(path)
    if (fd === undefined) continue
    try {
      const stat = fstatSync(fd)
      const useless = digest !== undefined && (blobs.has(digest) || released?.has(digest) === true)
      // small files are written within moments, and not locked
      const old = ageOf(stat) >= (digest === undefined ? HOUR : age)
      if ((digest !== undefined && live.has(digest)) || !(useless || old)) continue
      unlinkSync(path)
      freed.count++
      freed.bytes += diskOf(stat)
    } finally {
      closeSync(fd)
    }
  }
  return freed
}

/** Folders of layers whose unpacker died. */
const sweepUnpacking = (layout: Layout): number => {
  let count = 0
  for (const name of namesIn(`${layout.root}/layers`)) {
    if (!name.startsWith('tmp-')) continue
    const path = `${layout.root}/layers/${name}`
    const fd = lockDead(path)
    if (fd === undefined) continue
    if (toTrash(layout, path) !== undefined) count++
    closeSync(fd)
  }
  return count
}

/** Also what others have put there: nobody misses it. */
export const emptyTrash = async (layout: Layout): Promise<void> => {
  for (const name of namesIn(`${layout.root}/ingest`)) if (name.startsWith('trash-')) await removeTree(`${layout.root}/ingest/${name}`)
}

export const collect = (parts: Parts, options: CollectOptions): Promise<Collected> => {
  const { layout } = parts
  mustWrite(layout)
  return guardAsync(`store ${layout.root}: collecting garbage`, async () => {
    const owners = options.ownerExists === undefined ? [] : deadOwners(layout, options.ownerExists)
    for (const owner of owners) await releaseLease(layout, owner)
    mark(parts, false)
    const swept = await withLock(lockPath(layout, 'gc'), 'exclusive', () => sweep(parts, options))
    const partial = sweepIngests(parts, options, swept.live)
    const unpacking = sweepUnpacking(layout)
    await emptyTrash(layout)
    return {
      blobs: swept.blobs,
      layers: swept.layers,
      unfinished: partial.count + unpacking,
      bytes: swept.bytes + partial.bytes,
      owners,
    }
  })
}
