/** The image of a container: what the store has, or what a registry has, as --pull says. */
import type { Digest } from '../../image/digest.ts'
import { parseManifest } from '../../image/spec/manifest.ts'
import { parseImageConfig } from '../../image/spec/config.ts'
import { layerIdentities } from '../../image/store/chain-id.ts'
import type { Layer, Store, StoredImage } from '../../image/store/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { BaseImage } from '../containers/allocate.ts'
import type { Context } from './context.ts'
import { readStore } from './store.ts'

export interface WantedImage {
  readonly text: string
  readonly pull: 'missing' | 'always' | 'never' | 'newer'
  readonly quiet: boolean
  readonly platform: string | undefined
}

/** What it is called: an image without a name has its id for one. */
const nameOf = ({ name, id, descriptor }: StoredImage): string => name ?? id ?? descriptor.digest

/** By diff-id most of the time; the chain-id takes hashing. */
const layersOf = (store: Store, diffIDs: readonly Digest[]): readonly (Layer | undefined)[] => {
  const layers = diffIDs.map((diffID) => store.layers.find({ diffID, chainID: diffID }))
  return layers.includes(undefined) ? layerIdentities(diffIDs).map((identity) => store.layers.find(identity)) : layers
}

/** Undefined where something of it is missing, not unpacked or damaged: the long way finds out what. */
const whole = (store: Store, image: StoredImage): BaseImage | undefined => {
  const { manifest: descriptor, id, digest } = image
  if (descriptor === undefined || id === undefined) return undefined
  try {
    const manifest = parseManifest({ bytes: store.blobs.read(descriptor.digest), mediaType: descriptor.mediaType })
    const config = parseImageConfig(store.blobs.read(id))
    const layers = layersOf(store, config.rootfs.diff_ids)
    if (layers.includes(undefined)) return undefined
    return { name: nameOf(image), id, digest, descriptor, manifest, config, layers: layers as readonly Layer[] }
  } catch (error) {
    if (error instanceof WherryError) return undefined
    throw error
  }
}

/** @param trusted a store whose blobs are not hashed again. Throws `not-found`, naming reference and registry, and what pulling throws. */
export const imageFor = async (context: Context, trusted: Store, wanted: WantedImage): Promise<BaseImage> => {
  const { text, pull, platform } = wanted
  if (platform === undefined && (pull === 'missing' || pull === 'never')) {
    const image = trusted.images.find(text)
    const base = image === undefined ? undefined : whole(trusted, image)
    if (base !== undefined) return base
  }
  const { bringImage } = await import('./run-pull.ts')
  return bringImage(context, readStore(context), wanted)
}
