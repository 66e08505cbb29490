/** All images of an archive, or some of them, into the store. */
import { parseReference, type Reference } from '../reference.ts'
import type { ImageSource } from '../source.ts'
import type { PulledImage } from '../pull/types.ts'
import type { Store } from '../store/types.ts'
import { type Archive, type ArchivedImage, chooseImage } from './archive.ts'

export interface LoadOptions {
  /** Which images of the archive: names, or `@n`. Default: all. */
  readonly images?: readonly string[]
  /** Brings one image into the store under that name: image/pull does. */
  readonly bring: (source: ImageSource, reference: Reference | undefined) => Promise<PulledImage>
  /** Called when an image is there. */
  readonly onLoaded?: (loaded: Loaded) => void
}

export interface Loaded {
  readonly image: PulledImage
  /** Canonical references it has now; none: it has to be found by its id. */
  readonly names: readonly string[]
}

/** In the order of the archive. An image with several names has all of them. The archive stays open. */
export const loadImages = async (store: Store, archive: Archive, options: LoadOptions): Promise<Loaded[]> => {
  const { images: wanted } = options
  const chosen =
    wanted === undefined || wanted.length === 0
      ? archive.images.length === 0
        ? [chooseImage(archive, undefined)]
        : archive.images
      : [...new Set(wanted.map((one) => chooseImage(archive, one)))]
  const loaded: Loaded[] = []
  for (const image of chosen) {
    const one = await loadOne(store, image, options)
    options.onLoaded?.(one)
    loaded.push(one)
  }
  return loaded
}

const loadOne = async (store: Store, { names, source }: ArchivedImage, { bring }: LoadOptions): Promise<Loaded> => {
  const [first, ...others] = names
  const image = await bring(source(), first === undefined ? undefined : parseReference(first))
  for (const name of others) await store.images.put(name, image.descriptor, { digest: image.digest })
  return { image, names }
}
