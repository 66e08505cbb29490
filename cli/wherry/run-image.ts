/** The image of a container: what the store has, or what a registry has, as --pull says. */
import { parseManifest } from '../../image/spec/manifest.ts'
import { parseImageConfig } from '../../image/spec/config.ts'
import { layerIdentities } from '../../image/store/chain-id.ts'
import type { Layer, Store, StoredImage } from '../../image/store/types.ts'
import type { BaseImage } from '../containers/allocate.ts'
import type { Context } from './context.ts'

export interface WantedImage {
  readonly text: string
  readonly pull: 'missing' | 'always' | 'never' | 'newer'
  readonly quiet: boolean
  readonly platform: string | undefined
}

/** What it is called: an image without a name has its id for one. */
const nameOf = ({ name, id, descriptor }: StoredImage): string => name ?? id ?? descriptor.digest

/** Undefined where something of it is missing, or not unpacked: the long way finds out what. */
const whole = (store: Store, image: StoredImage): BaseImage | undefined => {
  const { manifest: descriptor, id, digest } = image
  if (descriptor === undefined || id === undefined || !store.blobs.has(id)) return undefined
  const manifest = parseManifest({ bytes: store.blobs.read(descriptor.digest), mediaType: descriptor.mediaType })
  const config = parseImageConfig(store.blobs.read(id))
  const layers = layerIdentities(config.rootfs.diff_ids).map((identity) => store.layers.find(identity))
  if (layers.some((layer) => layer === undefined)) return undefined
  return { name: nameOf(image), id, digest, descriptor, manifest, config, layers: layers as Layer[] }
}

/** What the store has: by a name, of which a short one may stand for several, or by an id. */
const stored = (store: Store, text: string): StoredImage | undefined => store.images.find(text)

/** Throws `not-found`, naming reference and registry, and what pulling throws. */
export const imageFor = async (context: Context, store: Store, wanted: WantedImage): Promise<BaseImage> => {
  const { text, pull, platform } = wanted
  if (platform === undefined && (pull === 'missing' || pull === 'never')) {
    const image = stored(store, text)
    const base = image === undefined ? undefined : whole(store, image)
    if (base !== undefined) return base
  }
  const { bringImage } = await import('./run-pull.ts')
  return bringImage(context, store, wanted)
}
