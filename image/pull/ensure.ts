/** The image that a container is to be of: the one in the store, or one from its registry, as the policy says. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Reference } from '../reference.ts'
import { familiar } from '../reference.ts'
import type { ImageSource } from '../source.ts'
import { parseImageConfig } from '../spec/config.ts'
import { formatPlatform, runsOn } from '../spec/platform.ts'
import type { Platform } from '../spec/types.ts'
import type { Store, StoredImage } from '../store/types.ts'
import { nameInStore, pull, unpackImage } from './pull.ts'
import type { PulledImage, UnpackOptions } from './types.ts'

/**
 * missing: pulled if the store has none under the name (for the platform). always: the registry is asked each time. newer: as always, but
 * what the store has will do when the registry cannot be asked. never: only what the store has.
 */
export const POLICIES = ['missing', 'always', 'newer', 'never'] as const
export type PullPolicy = (typeof POLICIES)[number]

export interface EnsureOptions extends UnpackOptions {
  readonly reference: Reference
  readonly policy: PullPolicy
  readonly platform?: Platform
  /** Asked only if it is needed; closed by whoever opens it. */
  readonly source: () => ImageSource | Promise<ImageSource>
  /** Told why an image of the store was taken though a newer one was wanted, or pulled though it was there. */
  readonly warn?: (text: string) => void
}

/** Errors that say that the registry could not be asked. */
const UNREACHABLE: readonly string[] = ['unavailable', 'deadline-exceeded', 'permission-denied', 'resource-exhausted']

const platformOf = (store: Store, image: StoredImage): Platform | undefined => {
  if (image.id === undefined) return undefined
  try {
    return parseImageConfig(store.blobs.read(image.id), `${image.name ?? image.id}: config ${image.id}`)
  } catch (error) {
    // it will be found out by who unpacks it, and healed
    if (error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'data-loss')) return undefined
    throw error
  }
}

/** Unpacked, ready to be mounted. Throws `not-found` with `never`; otherwise as `pull` does. */
export const ensureImage = async (store: Store, options: EnsureOptions): Promise<PulledImage> => {
  const { reference, policy, platform, source, warn } = options
  const fetch = async (): Promise<PulledImage> => pull(await source(), store, options)
  if (policy === 'always') return fetch()
  const image = store.images.find(nameInStore(reference))
  const offered = image === undefined ? undefined : platformOf(store, image)
  const fits = platform === undefined || (offered !== undefined && runsOn(offered, platform))
  if (image === undefined || !fits) {
    if (policy !== 'never') return fetch()
    const other =
      image === undefined || offered === undefined || platform === undefined
        ? ''
        : ` for ${formatPlatform(platform)}, but for ${formatPlatform(offered)}`
    throw new WherryError(
      'not-found',
      `image ${familiar(reference)} is not in the store${other}: pull it, or let it be pulled with --pull=missing`,
    )
  }
  if (policy === 'newer') {
    try {
      if ((await digestOf(await source(), options.signal)) !== image.digest) return await fetch()
    } catch (error) {
      if (!(error instanceof WherryError) || !UNREACHABLE.includes(error.kind)) throw error
      warn?.(`${error.message}; the image in the store is used`)
    }
  }
  try {
    return await unpackImage(store, image, options)
  } catch (error) {
    const broken = error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'data-loss')
    if (!broken || policy === 'never') throw error
    warn?.(`${error.message}; it is pulled again`)
    return fetch()
  }
}

/** What the name stands for now; sources of registries can tell without sending it. */
const digestOf = async (source: ImageSource, signal: AbortSignal | undefined): Promise<Digest> => {
  const options = signal === undefined ? {} : { signal }
  return hasResolve(source) ? source.resolve(options) : (await source.document(undefined, options)).digest
}

interface Resolving extends ImageSource {
  resolve(options?: { readonly signal?: AbortSignal }): Promise<Digest>
}

const hasResolve = (source: ImageSource): source is Resolving => 'resolve' in source && typeof source.resolve === 'function'
