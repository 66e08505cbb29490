/** An image from wherever it is into the store: its documents, blobs and unpacked layers, and last its name. */
import { WherryError } from '../../runtime/errors.ts'
import { storeSource } from '../archive/store-source.ts'
import type { Digest } from '../digest.ts'
import { canonical, type Reference, withDigest } from '../reference.ts'
import type { ImageSource } from '../source.ts'
import { layerIdentities } from '../store/chain-id.ts'
import type { Lease, Store, StoredImage } from '../store/types.ts'
import { type Resolved, resolve } from './document.ts'
import { type BroughtLayers, bringLayers, cancelled } from './layers.ts'
import type { PulledImage, PullOptions, UnpackOptions } from './types.ts'

export type * from './types.ts'

/** What an image that was pulled by this reference is called: a digest says more than a tag beside it. */
export const nameInStore = (reference: Reference): string =>
  canonical(reference.digest === undefined ? reference : withDigest(reference, reference.digest))

const reach = ({ digest, descriptor, manifest, config, documents }: Resolved): Digest[] => [
  digest,
  descriptor.digest,
  ...documents.map((document) => document.digest),
  ...manifest.layers.map((layer) => layer.digest),
  ...layerIdentities(config.rootfs.diff_ids).flatMap(({ diffID, chainID }) => [diffID, chainID]),
]

/** Puts one that is there but damaged anew. */
const putDocument = async ({ store, bytes, digest }: { store: Store; bytes: Uint8Array; digest: Digest }): Promise<void> => {
  if (store.blobs.has(digest)) await store.blobs.removeIfDamaged(digest)
  await store.blobs.put(bytes, digest)
}

const withLease = async <T>(
  store: Store,
  name: string,
  signal: AbortSignal | undefined,
  work: (lease: Lease) => Promise<T>,
): Promise<T> => {
  const lease = await store.lease()
  try {
    return await work(lease)
  } catch (error) {
    // whatever broke it off where
    throw signal?.aborted === true && !(error instanceof WherryError) ? cancelled(name, error) : error
  } finally {
    await lease.end()
  }
}

const pulledOf = (
  { digest, descriptor, manifest, config }: Resolved,
  layers: BroughtLayers['layers'],
  name: string | undefined,
  fresh: boolean,
): PulledImage => ({
  id: manifest.config.digest,
  digest,
  ...(name === undefined ? {} : { name }),
  platform: { os: config.os, architecture: config.architecture, ...(config.variant === undefined ? {} : { variant: config.variant }) },
  descriptor,
  manifest,
  config,
  layers,
  fresh,
})

/**
 * When it returns, all is durable. What the store has is not fetched; what other pulls are bringing is waited for. The store has the name at
 * the old image until all of the new one is there, and keeps what has come if it fails: the next pull goes on from there.
 *
 * Throws WherryError: `not-found`, `permission-denied`, `unavailable`, `data-loss` (other bytes than were promised), `invalid-argument` and
 * `unsupported` (what is no image, or one that is not taken), `resource-exhausted` (limits, a full disk), `cancelled`.
 */
export const pull = (source: ImageSource, store: Store, options: PullOptions = {}): Promise<PulledImage> =>
  withLease(store, source.name, options.signal, async (lease) => {
    const { reference, platform, signal } = options
    const resolved = await resolve(source, store.blobs, {
      ...(reference?.digest === undefined ? {} : { digest: reference.digest }),
      ...(platform === undefined ? {} : { platform }),
      ...(signal === undefined ? {} : { signal }),
    })
    await lease.add(...reach(resolved))
    const { layers, fetched } = await bringLayers(source, store, resolved, options)
    signal?.throwIfAborted()
    for (const { bytes, digest } of resolved.documents) await putDocument({ store, bytes, digest })
    const name = reference === undefined ? undefined : nameInStore(reference)
    const before = name === undefined ? undefined : store.images.find(name)
    const same = before?.descriptor.digest === resolved.descriptor.digest && before.digest === resolved.digest
    if (!same) await store.images.put(name, resolved.descriptor, { digest: resolved.digest })
    return pulledOf(resolved, layers, name, fetched || !same)
  })

/**
 * Unpacks what is not unpacked of an image that the store has. Throws `not-found` or `data-loss` if blobs of it are missing or damaged: pull
 * it then.
 */
export const unpackImage = (store: Store, image: StoredImage, options: UnpackOptions = {}): Promise<PulledImage> =>
  withLease(store, image.name ?? image.descriptor.digest, options.signal, async (lease) => {
    const source = storeSource(store, image)
    await lease.add(...store.images.reach(image))
    const resolved = await resolve(source, store.blobs, options.signal === undefined ? {} : { signal: options.signal })
    await lease.add(...reach(resolved))
    const { layers, fetched } = await bringLayers(source, store, resolved, options)
    return pulledOf({ ...resolved, digest: image.digest }, layers, image.name, fetched)
  })
