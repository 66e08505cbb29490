/**
 * One layer of an image into the store: its blob, and what is in it. Whatever of it is there is used, whatever another pull brings is waited
 * for, and what is broken is fetched once again.
 *
 * Locks are taken in one order, the blob’s before the layer’s, and nobody who has a slot waits for a lock: so pulls cannot wait for each other
 * in a circle. A layer that needs lower ones waits for those of its own chain alone, without a slot.
 */
import { closeSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { type LayerFacts, stands } from '../layer/entry.ts'
import { fixUp } from '../layer/fix-up.ts'
import type { LayerLimits } from '../layer/limits.ts'
import { unpackLayer } from '../layer/unpack-layer.ts'
import type { OverlayStyle } from '../layer/unpack/unpacker.ts'
import type { ImageSource } from '../source.ts'
import type { Descriptor } from '../spec/types.ts'
import type { Census } from '../store/census.ts'
import type { BlobIngest, Layer, LayerIdentity, LayerIngest, Store } from '../store/types.ts'
import { Ahead } from './ahead.ts'
import type { Flush } from './flush.ts'
import type { Pace } from './pace.ts'
import type { LayerProgress } from './progress.ts'
import type { Slots } from './slots.ts'

export interface LayerWork {
  readonly store: Store
  readonly source: ImageSource
  readonly descriptor: Descriptor
  readonly identity: LayerIdentity
  readonly progress: LayerProgress
  /** Aborted when another layer has failed. */
  readonly signal: AbortSignal
  readonly limits: Partial<LayerLimits>
  readonly style: OverlayStyle
  readonly threads: Slots
  /** To the source: held while bytes come. */
  readonly connections: Slots
  readonly pace: Pace
  readonly flush: Flush
  /** The layers below, lowest first, once they are all there. */
  readonly lowers: () => Promise<readonly Layer[]>
}

/** Those two that a layer is brought with; each is undefined if that part is there. */
interface Claim {
  readonly blob: BlobIngest | undefined
  readonly folder: LayerIngest | undefined
}

/** Runs all, and puts what goes wrong behind the message of `error`, which is thrown. */
const cleanUp = async (error: unknown, ...steps: readonly (() => void | Promise<void>)[]): Promise<never> => {
  const problems: string[] = []
  for (const step of steps)
    try {
      await step()
    } catch (problem) {
      problems.push(problem instanceof Error ? problem.message : String(problem))
    }
  if (problems.length === 0) throw error
  const kind = error instanceof WherryError ? error.kind : 'internal'
  throw new WherryError(kind, `${error instanceof Error ? error.message : String(error)}; clean-up: ${problems.join('; ')}`, {
    cause: error,
  })
}

const claim = async ({ store, descriptor, identity, progress, signal }: LayerWork): Promise<Claim> => {
  const blob = await store.blobs.ingest(descriptor, { signal, onWait: (present) => progress.set('shared', present) })
  try {
    if (store.layers.find(identity) !== undefined) return { blob, folder: undefined }
    const folder = await store.layers.begin(identity, { signal, onWait: () => progress.set('shared', descriptor.size) })
    return { blob, folder }
  } catch (error) {
    return cleanUp(error, () => blob?.suspend())
  }
}

const isWrong = (error: unknown): boolean => error instanceof WherryError && error.kind === 'data-loss'

/** Its blob and its folder as they are in the store when all is done. */
export const bringLayer = async (work: LayerWork): Promise<{ readonly layer: Layer; readonly fetched: boolean }> => {
  const { store, source, identity, descriptor, progress } = work
  let again = false
  let fetched = false
  for (;;) {
    const there = store.layers.find(identity)
    if (there !== undefined && store.blobs.has(descriptor.digest, descriptor.size)) {
      progress.set(fetched ? 'done' : 'exists', descriptor.size)
      return { layer: there, fetched }
    }
    const claimed = await claim(work)
    const { blob, folder } = claimed
    if (blob === undefined && folder === undefined) continue
    fetched = true
    try {
      const layer = await bring(work, claimed)
      if (layer === undefined) continue
      progress.set('done', descriptor.size)
      return { layer, fetched }
    } catch (error) {
      const cause = error instanceof Stale ? error.cause : error
      // what was on the disk before may be what a power cut has left; else it is who sent it
      const others =
        blob !== undefined && isWrong(cause) && !(error instanceof Stale && !again) && source.distrust?.(descriptor.digest) === true
      if (!others && (!(error instanceof Stale) || again)) throw cause
      again ||= error instanceof Stale
      progress.reset()
    }
  }
}

/** Bytes that were on the disk already are wrong; they have been taken away. */
class Stale extends Error {}

/** Undefined if only the blob was missing. */
const bring = async (work: LayerWork, claimed: Claim): Promise<Layer | undefined> => {
  const { store, descriptor } = work
  let fd: number | undefined
  try {
    let streamed: Streamed
    try {
      if (claimed.blob === undefined) fd = store.blobs.open(descriptor.digest)
      streamed = await stream(work, claimed, fd)
    } catch (error) {
      return await giveUp(work, claimed, error)
    }
    return await commit(work, claimed, streamed)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** What is wrong is taken away, what may yet become right is kept. */
const giveUp = async ({ store, descriptor, signal }: LayerWork, { blob, folder }: Claim, error: unknown): Promise<never> => {
  const broken = isWrong(error)
  // a verified archive that breaks the rules is of no use either
  const useless = broken || (error instanceof WherryError && error.kind === 'invalid-argument')
  let stale = broken && blob !== undefined && blob.offset > 0
  return await cleanUp(
    error,
    () => (useless ? blob?.discard() : blob?.suspend()),
    async () => folder?.discard(),
    async () => {
      if (broken && blob === undefined) stale = await store.blobs.removeIfDamaged(descriptor.digest, signal)
    },
  ).catch((problem: unknown) => {
    throw stale ? new Stale('', { cause: problem }) : problem
  })
}

interface Streamed {
  readonly facts: LayerFacts | undefined
  readonly census: Census | undefined
}

/** All bytes of the blob through a thread, once there is one; until then they are downloaded ahead. */
const stream = async (work: LayerWork, { blob, folder }: Claim, fd: number | undefined): Promise<Streamed> => {
  const { descriptor, source, identity, signal, limits, style, progress, threads, connections, pace, flush } = work
  const disconnect = blob === undefined ? undefined : await connections.take(signal)
  const thread = threads.take(signal)
  /** Of the stream: who gives the layer up does not wait for bytes that may be slow to come. */
  const stop = new AbortController()
  let ahead: Ahead | undefined
  try {
    if (blob !== undefined) {
      const bytes = source.blob(descriptor, { offset: blob.offset, signal: AbortSignal.any([signal, stop.signal]) })
      ahead = new Ahead(bytes, blob.fd, blob.offset, pace)
      await ahead.run(thread, (position) => progress.moved(position, 0))
      if (ahead.ended) disconnect?.()
    }
    await thread
    const present = ahead?.position ?? descriptor.size
    progress.moved(present, 0)
    let census: Census | undefined
    const facts = await flush.during(() =>
      unpackLayer({
        descriptor,
        signal,
        onProgress: (position) => progress.moved(Math.max(position, present), position),
        onCensus: (found) => {
          census = found
        },
        blob: { fd: blob?.fd ?? fd!, offset: present },
        ...(ahead === undefined ? {} : { source: pace.measured(ahead.rest()) }),
        ...(folder === undefined ? {} : { unpack: { diffID: identity.diffID, folder: folder.folder, limits, style } }),
      }),
    )
    return { facts, census }
  } finally {
    stop.abort()
    // what it says of its end is nobody’s concern any more
    await ahead?.end().catch(() => undefined)
    disconnect?.()
    // also one that comes when all is over
    thread.then(
      (release) => release(),
      () => undefined,
    )
  }
}

/** What was verified is made durable: the blob at once, the layer when it is what it is upon its lower ones. */
const commit = async (work: LayerWork, { blob, folder }: Claim, { facts, census }: Streamed): Promise<Layer | undefined> => {
  const { descriptor, lowers, style } = work
  try {
    await blob?.commit()
    if (folder === undefined || facts === undefined) return undefined
    const { size, entries, implied, links } = stands(facts)
      ? facts
      : fixUp(
          folder.folder,
          facts,
          (await lowers()).map(({ root }) => root),
          style,
        )
    return await folder.commit({ size, entries, implied, links: links.map(({ path }) => path), xattrs: style }, descriptor, census)
  } catch (error) {
    return await cleanUp(error, async () => folder?.discard())
  }
}
