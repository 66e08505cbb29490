/** What takes the space: for `system df`. */
import type { Digest } from '../digest.ts'
import { takeCensus } from './census.ts'
import { guardAsync } from './errors.ts'
import { readRecord } from './layer-record.ts'
import { keptLeases } from './leases.ts'
import { diskOf, found } from './listing.ts'
import type { Parts } from './parts.ts'
import { reachOf } from './reach.ts'
import type { ImageUsage, StoredImage, Usage } from './types.ts'

const sum = (numbers: Iterable<number>): number => {
  let total = 0
  for (const number of numbers) total += number
  return total
}

/** Disk use of each blob and each layer. The same digest may be one of both: an uncompressed layer. */
const sizes = ({ layout }: Parts): { blobs: Map<Digest, number>; layers: Map<Digest, number> } => {
  const blobs = new Map<Digest, number>()
  const layers = new Map<Digest, number>()
  for (const { digest, stat } of found(layout, 'blobs')) if (digest !== undefined) blobs.set(digest, diskOf(stat))
  for (const { digest, stat } of found(layout, 'layers')) {
    if (digest === undefined) continue
    const record = readRecord(layout, digest)
    layers.set(digest, typeof record === 'object' ? record.census.disk : diskOf(stat))
  }
  return { blobs, layers }
}

export const usage = (parts: Parts): Promise<Usage> =>
  guardAsync(`store ${parts.layout.root}: counting`, async () => {
    const { blobs, layers } = sizes(parts)
    const sizeOf = (digest: Digest): number => (blobs.get(digest) ?? 0) + (layers.get(digest) ?? 0)
    const leases = keptLeases(parts.layout)
    const groups = new Map<Digest, StoredImage[]>()
    for (const image of parts.images.list()) {
      const key = image.descriptor.digest
      groups.set(key, [...(groups.get(key) ?? []), image])
    }
    const reached = [...groups.values()].map((images) => ({
      images,
      digests: new Set(images.flatMap((image) => reachOf(image, parts.references))),
    }))
    const times = new Map<Digest, number>()
    for (const { digests } of reached) for (const digest of digests) times.set(digest, (times.get(digest) ?? 0) + 1)
    const images = reached.map(({ images: same, digests }): ImageUsage => {
      const [first] = same
      const manifest = (first!.manifest ?? first!.descriptor).digest
      return {
        images: same,
        size: sum([...digests].map(sizeOf)),
        unique: sum([...digests].filter((digest) => times.get(digest) === 1).map(sizeOf)),
        owners: leases.filter((lease) => lease.digests.includes(manifest)).map(({ owner }) => owner),
      }
    })
    const needed = new Set([
      ...leases.flatMap(({ digests }) => digests),
      ...reached.flatMap(({ digests }, at) => (images[at]!.owners.length > 0 ? [...digests] : [])),
    ])
    const all = new Set([...blobs.keys(), ...layers.keys()])
    const { disk: unfinished } = await takeCensus(`${parts.layout.root}/ingest`)
    return {
      images,
      active: images.filter(({ owners }) => owners.length > 0).length,
      blobs: sum(blobs.values()),
      layers: sum(layers.values()),
      unfinished,
      reclaimable: sum([...all].filter((digest) => !needed.has(digest)).map(sizeOf)),
    }
  })
