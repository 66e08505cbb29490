/** Stores for tests, and images brought into them as a pull does. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { layerIdentities } from '../../image/store/chain-id.ts'
import { removeTree } from '../../image/store/remove-tree.ts'
import { openStore } from '../../image/store/store.ts'
import type { Layer, LayerFacts, LayerIdentity, Lease, Store, StoredImage } from '../../image/store/types.ts'
import { descriptorOf, imageOf, layerOf, noise, type TestBlob, type TestImage } from './images.ts'

/** Calls with a new store, whose folder has the mark of the run; it is gone afterwards. */
export const withStore = async <T>(use: (store: Store) => T | Promise<T>, parent = tmpdir()): Promise<T> => {
  const root = mkdtempSync(`${parent}/wherry-store-`)
  try {
    return await use(openStore(root))
  } finally {
    await removeTree(root)
  }
}

export const FACTS: LayerFacts = { size: 5, entries: 1, implied: [], links: [], xattrs: 'trusted' }

/** A small image that is another one for each seed. Layers with the same name are the same. */
export const smallImage = async (seed: string, layers: readonly string[] = [`base of ${seed}`, `top of ${seed}`]): Promise<TestImage> =>
  imageOf({
    layers: await Promise.all(
      layers.map((content) => layerOf([{ name: 'file', content: Buffer.concat([Buffer.from(content), noise(3000)]) }])),
    ),
    config: { Env: [`SEED=${seed}`] },
  })

export const putBlob = async (store: Store, { descriptor, bytes }: TestBlob): Promise<void> => {
  const ingest = await store.blobs.ingest(descriptor)
  if (ingest === undefined) return
  writeSync(ingest.fd, bytes.subarray(ingest.offset))
  await ingest.commit()
}

/** A layer with one file in it, which says of which. */
export const putLayer = async (store: Store, identity: LayerIdentity, facts: LayerFacts = FACTS): Promise<Layer> => {
  const ingest = await store.layers.begin(identity)
  if (ingest === undefined) return store.layers.find(identity)!
  mkdirSync(`${ingest.folder}/root/etc`)
  writeFileSync(`${ingest.folder}/root/etc/layer`, identity.diffID)
  return await ingest.commit(facts)
}

export const identitiesOf = (image: TestImage): LayerIdentity[] => layerIdentities(image.layers.map(({ diffID }) => diffID))

/** Everything of it but the name. */
export const putContent = async (store: Store, image: TestImage): Promise<void> => {
  for (const blob of image.blobs) await putBlob(store, blob)
  for (const { bytes, digest } of image.documents) await store.blobs.put(bytes, digest)
  for (const identity of identitiesOf(image)) await putLayer(store, identity)
}

/** As a pull does it, with a lease. */
export const putImage = async (store: Store, name: string | undefined, image: TestImage): Promise<StoredImage> => {
  const lease = await store.lease()
  try {
    await lease.add(...digestsOf(image))
    await putContent(store, image)
    return await store.images.put(name, descriptorOf(image.document))
  } finally {
    await lease.end()
  }
}

export const digestsOf = (image: TestImage) => [
  image.document.digest,
  ...image.blobs.map(({ descriptor }) => descriptor.digest),
  ...identitiesOf(image).flatMap(({ diffID, chainID }) => [diffID, chainID]),
]

/** A container of the image, as far as the store is concerned. */
export const useImage = async (store: Store, name: string, owner: string): Promise<void> => {
  const lease: Lease = await store.lease()
  await lease.add(...store.images.reach(store.images.find(name)!))
  await lease.keep(owner)
}

export const ALPINE = 'docker.io/library/alpine:3.19'
export const BUSYBOX = 'docker.io/library/busybox:latest'

/** Names below the root, without what is in layers. */
export const namesIn = (store: Store, folder: string): string[] => readdirSync(`${store.root}/${folder}`).sort()

export const openUp = (path: string): void => chmodSync(path, 0o755)
