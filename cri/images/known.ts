/** What the documents of images say, read once: they never change. */
import type { Digest } from '../../image/digest.ts'
import type { Descriptor, ImageConfig } from '../../image/spec/types.ts'
import { imageFacts } from '../../image/store/facts.ts'
import type { Layer, LayerIdentity, Store, StoredImage } from '../../image/store/types.ts'

export interface KnownImage {
  readonly id: Digest
  /** Without its history, which is long. */
  readonly config: ImageConfig
  readonly identities: readonly LayerIdentity[]
  /** Of the layers’ blobs. */
  readonly blobs: readonly Descriptor[]
  /** Bytes of the files of its layers, or of the blobs of those that are not unpacked. */
  readonly size: number
  /** All layers were unpacked when `size` was counted. */
  readonly unpacked: boolean
}

const MOST = 1000

export class KnownImages {
  readonly #store: Store
  readonly #known = new Map<Digest, KnownImage>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Throws `not-found` or `data-loss` where documents of it are missing or damaged. */
  get(image: StoredImage): KnownImage {
    const before = image.id === undefined ? undefined : this.#known.get(image.id)
    if (before?.unpacked === true) return before
    const { id, config, layers, size } = imageFacts(this.#store, image)
    const known: KnownImage = {
      id,
      config: { ...config, history: [] },
      identities: layers.map(({ diffID, chainID }) => ({ diffID, chainID })),
      blobs: layers.map(({ descriptor }) => descriptor),
      size,
      unpacked: layers.every(({ unpacked }) => unpacked !== undefined),
    }
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(id, known)
    return known
  }

  /** Its unpacked layers, the lowest first; undefined if not all are there. */
  layers({ identities }: KnownImage): readonly Layer[] | undefined {
    const layers = identities.map((identity) => this.#store.layers.find(identity))
    return layers.includes(undefined) ? undefined : (layers as readonly Layer[])
  }
}
