/** What the parts of the store that work on all of it are given. */
import type { Layout } from './layout.ts'
import type { References } from './references.ts'
import type { Blobs, Images, Layers } from './types.ts'

export interface Parts {
  readonly layout: Layout
  readonly blobs: Blobs
  readonly layers: Layers
  readonly images: Images
  readonly references: References
}
