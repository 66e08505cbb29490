/** Images of the store into an archive or a folder. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Store, StoredImage } from '../store/types.ts'
import { copyImage, type CopyProgress } from './copy.ts'
import type { ArchiveFormat } from './open-archive.ts'
import { openWriter } from './open-writer.ts'
import { storeSource } from './store-source.ts'

export interface SaveOptions {
  /** Default: docker-archive. */
  readonly format?: ArchiveFormat
  /** A path, or a descriptor (standard output), which is not closed. */
  readonly output: string | number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CopyProgress) => void
}

export interface Saved {
  readonly images: readonly { readonly id: Digest | undefined; readonly names: readonly string[] }[]
}

interface Wanted {
  readonly image: StoredImage
  readonly names: string[]
}

/** An image wanted by two names is one image with two names; one wanted by its id has none. */
const gather = (store: Store, wanted: readonly string[]): Wanted[] => {
  const found = new Map<Digest, Wanted>()
  for (const text of wanted) {
    const image = store.images.find(text)
    if (image === undefined) throw new WherryError('not-found', `${text}: there is no such image; wherry images lists those there are`)
    const key = image.manifest?.digest ?? image.descriptor.digest
    const row = found.get(key) ?? { image, names: [] }
    found.set(key, row)
    const byId = image.id !== undefined && (image.id === text || image.id.slice(image.id.indexOf(':') + 1).startsWith(text))
    if (image.name !== undefined && !byId && !row.names.includes(image.name)) row.names.push(image.name)
  }
  return [...found.values()]
}

/** `wanted`: names or ids. What is written is the same for the same images. Throws before anything is written if one is not there. */
export const saveImages = async (store: Store, wanted: readonly string[], options: SaveOptions): Promise<Saved> => {
  const { format = 'docker-archive', output, signal, onProgress } = options
  if (wanted.length === 0) throw new WherryError('invalid-argument', 'save: no image is named')
  const images = gather(store, wanted)
  const sources = images.map(({ image }) => storeSource(store, image))
  if (format === 'docker-dir' && images.length > 1)
    throw new WherryError(
      'invalid-argument',
      'save: format docker-dir holds one image; use oci-dir, oci-archive or docker-archive for several',
    )
  const lease = await store.lease()
  try {
    for (const { image } of images) await lease.add(...store.images.reach(image))
    const writer = openWriter(output, { format, temporary: store.root })
    try {
      for (const [index, { names }] of images.entries())
        await copyImage(sources[index]!, writer.image(names), {
          jobs: 1,
          ...(signal === undefined ? {} : { signal }),
          ...(onProgress === undefined ? {} : { onProgress }),
        })
      await writer.commit()
    } finally {
      await writer.close()
    }
  } finally {
    await lease.end()
  }
  return { images: images.map(({ image, names }) => ({ id: image.id, names })) }
}
