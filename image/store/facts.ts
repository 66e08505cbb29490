/** What the documents of a stored image say. */
import type { Digest } from '../digest.ts'
import { parseImageConfig } from '../spec/config.ts'
import { parseManifest } from '../spec/manifest.ts'
import type { Descriptor, ImageConfig, Manifest } from '../spec/types.ts'
import { layerIdentities } from './chain-id.ts'
import type { Layer, LayerIdentity, Store, StoredImage } from './types.ts'
import { WherryError } from '../../runtime/errors.ts'

export interface ImageLayer extends LayerIdentity {
  /** Of the blob. */
  readonly descriptor: Descriptor
  readonly unpacked: Layer | undefined
}

export interface ImageFacts {
  readonly image: StoredImage
  /** Digest of the config. */
  readonly id: Digest
  readonly manifest: Manifest
  readonly config: ImageConfig
  /** Lowest first. */
  readonly layers: readonly ImageLayer[]
  /** Bytes of the files of its layers; of a layer that is not unpacked, of its blob. */
  readonly size: number
}

/** Throws `not-found` for an image whose manifest is of another machine, or is not there. */
export const imageFacts = (store: Store, image: StoredImage): ImageFacts => {
  const { manifest: descriptor, id } = image
  if (descriptor === undefined || id === undefined)
    throw new WherryError(
      'not-found',
      `image ${image.name ?? image.descriptor.digest}: its manifest for this machine is not in the store: pull it`,
    )
  const manifest = parseManifest(
    { bytes: store.blobs.read(descriptor.digest), mediaType: descriptor.mediaType },
    `manifest ${descriptor.digest}`,
  )
  const config = parseImageConfig(store.blobs.read(manifest.config.digest), `image config ${manifest.config.digest}`)
  const layers = layerIdentities(config.rootfs.diff_ids).map((identity, index): ImageLayer => {
    const blob = manifest.layers[index]
    if (blob === undefined) throw new WherryError('data-loss', `image ${id}: its config has more layers than its manifest`)
    return { ...identity, descriptor: blob, unpacked: store.layers.find(identity) }
  })
  const size = layers.reduce((sum, { unpacked, descriptor: blob }) => sum + (unpacked?.facts.size ?? blob.size), 0)
  return { image, id, manifest, config, layers, size }
}

/** When it was made; undefined where it does not say so, or not sensibly. */
export const createdOf = ({ created }: Pick<ImageConfig, 'created'>): Date | undefined => {
  const time = created === undefined ? undefined : new Date(created)
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time
}
