/** An image of the store as a source: for save, push, and everything else that reads one whole. */
import { closeSync, fstatSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { BlobOptions, Document, ImageSource } from '../source.ts'
import { parseDocument } from '../spec/manifest.ts'
import type { Descriptor } from '../spec/types.ts'
import type { Store, StoredImage } from '../store/types.ts'
import { streamRange } from './read-range.ts'

/** Throws `not-found` if the manifest of this machine’s platform is not in the store. */
export const storeSource = (store: Store, image: StoredImage): ImageSource => {
  const name = image.name ?? image.id ?? image.descriptor.digest
  const { manifest } = image
  if (manifest === undefined)
    throw new WherryError(
      'not-found',
      `${name}: the store has no manifest of it for this machine: pull the image again, with --platform for another one`,
    )
  return new StoreSource(store, manifest, name)
}

class StoreSource implements ImageSource {
  readonly name: string
  readonly #store: Store
  readonly #manifest: Descriptor

  constructor(store: Store, manifest: Descriptor, name: string) {
    this.#store = store
    this.#manifest = manifest
    this.name = name
  }

  async document(digest: Digest = this.#manifest.digest): Promise<Document> {
    const bytes = this.#store.blobs.read(digest)
    const known = digest === this.#manifest.digest ? { mediaType: this.#manifest.mediaType } : {}
    const parsed = parseDocument({ bytes, ...known }, `${this.name}: manifest ${digest}`)
    return { bytes, digest, mediaType: parsed.kind === 'index' ? parsed.index.mediaType : parsed.manifest.mediaType }
  }

  async *blob({ digest, size }: Descriptor, { offset = 0, signal }: BlobOptions = {}): AsyncGenerator<Uint8Array> {
    const fd = this.#store.blobs.open(digest)
    try {
      const there = fstatSync(fd).size
      if (there !== size)
        throw new WherryError(
          'data-loss',
          `${this.name}: blob ${digest} has ${there} bytes in the store, its descriptor says ${size}: run wherry system check --repair`,
        )
      yield* streamRange(fd, { offset, length: size - offset }, this.name, signal)
    } finally {
      closeSync(fd)
    }
  }

  async close(): Promise<void> {}
}
