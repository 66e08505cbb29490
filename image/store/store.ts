/** The store of images: content-addressed blobs, unpacked layers, names, and leases on them. layout.ts has the picture. */
import { makeBlobs } from './blobs.ts'
import { makeImages } from './images.ts'
import { makeLayers } from './layers.ts'
import { openLayout } from './layout.ts'
import { keepLease, keptLeases, makeLease, releaseLease } from './leases.ts'
import { makeReferences } from './references.ts'
import { makeSpace } from './space.ts'
import type { Store, StoreOptions } from './types.ts'

export type * from './types.ts'

/**
 * Makes what is missing. Throws `failed-precondition` (a newer version, links in the place of folders, a read-only disk),
 * `permission-denied` (somebody else’s), `not-found` (only with `readonly`).
 */
export const openStore = (root: string, { readonly = false, trusting = false }: StoreOptions = {}): Store => {
  const layout = openLayout(root, readonly)
  const blobs = makeBlobs(layout, trusting)
  const references = makeReferences(blobs)
  const parts = { layout, blobs, references, images: makeImages(layout, blobs, references), layers: makeLayers(layout) }
  return {
    root: layout.root,
    readonly,
    blobs,
    layers: parts.layers,
    images: parts.images,
    lease: () => makeLease(layout),
    kept: (wanted) => keptLeases(layout, wanted),
    keep: (owner, digests, options = {}) => keepLease(layout, owner, digests, options),
    release: (owner) => releaseLease(layout, owner),
    space: makeSpace(layout),
    // what takes its time is loaded when it is asked for: most who open a store do not
    collect: async (options = {}) => (await import('./collect.ts')).collect(parts, options),
    usage: async () => (await import('./usage.ts')).usage(parts),
    check: async (options = {}) => (await import('./check.ts')).check(parts, options),
  }
}
