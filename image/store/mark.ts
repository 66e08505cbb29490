/** What is referred to: by images and leases. */
import type { Digest } from '../digest.ts'
import { imageOf } from './image-entry.ts'
import { readIndexFile } from './index-file.ts'
import { keptLeases, liveLeases } from './leases.ts'
import type { Parts } from './parts.ts'
import { reachOf } from './reach.ts'

export interface Marked {
  readonly all: ReadonlySet<Digest>
  /** By leases whose processes live. */
  readonly live: ReadonlySet<Digest>
}

/**
 * Leases first: who ends one has named the image before. Throws `data-loss` if it cannot be known.
 * @param clear removes leases of the dead; with locks/gc held exclusively
 */
export const mark = ({ layout, blobs, references }: Parts, clear: boolean): Marked => {
  const live = new Set(liveLeases(layout, clear))
  const kept = keptLeases(layout).flatMap(({ digests }) => digests)
  const named = readIndexFile(layout).entries.flatMap((entry) => {
    if (entry.descriptor === undefined) return []
    const image = imageOf(entry, blobs, references)
    return image === undefined ? [entry.descriptor.digest] : reachOf(image, references)
  })
  return { all: new Set([...live, ...kept, ...named]), live }
}
