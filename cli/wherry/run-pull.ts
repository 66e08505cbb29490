/** The image of a container, where it has to be looked for: in registries, for another platform, or because something of it is missing. */
import { ensureImage } from '../../image/pull/ensure.ts'
import { unpackImage } from '../../image/pull/pull.ts'
import type { PulledImage, UnpackOptions } from '../../image/pull/types.ts'
import { canonical, type Reference } from '../../image/reference.ts'
import { parsePlatform } from '../../image/spec/platform.ts'
import type { ImageSource } from '../../image/source.ts'
import type { Store } from '../../image/store/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { BaseImage } from '../containers/allocate.ts'
import { describe } from '../support/describe.ts'
import { optimise } from '../support/optimise.ts'
import { openProgress } from '../support/progress/progress.ts'
import { unpackOptions } from './bring.ts'
import type { Context } from './context.ts'
import { chosenLimits } from './limits.ts'
import { openRegistries, type RegistryAccess } from './registry-access.ts'
import type { WantedImage } from './run-image.ts'

/** What may be elsewhere; an image that is refused or broken is not looked for in another place. */
const isMissing = (error: unknown): error is WherryError =>
  error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'unavailable')

const named = (image: PulledImage): BaseImage => ({ ...image, name: image.name ?? image.id })

/** An id or its beginning, which no registry knows. */
const byId = async (store: Store, text: string, options: UnpackOptions): Promise<BaseImage | undefined> => {
  if (!/^(sha256:)?[0-9a-f]{4,64}$/.test(text)) return undefined
  const image = store.images.find(text)
  return image?.id === undefined ? undefined : named(await unpackImage(store, image, options))
}

const ensure = async (
  store: Store,
  reference: Reference,
  { pull, platform }: WantedImage,
  registries: RegistryAccess,
  options: UnpackOptions & { readonly warn: (text: string) => void },
): Promise<BaseImage> => {
  let source: ImageSource | undefined
  try {
    const image = await ensureImage(store, {
      ...options,
      reference,
      policy: pull,
      ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
      source: () => (source ??= registries.source(reference)),
    })
    return named(image)
  } finally {
    await source?.close()
  }
}

export const bringImage = async (context: Context, store: Store, wanted: WantedImage): Promise<BaseImage> => {
  const { text, quiet } = wanted
  optimise()
  const limits = chosenLimits(context.settings)
  const progress = openProgress({ quiet, env: process.env })
  const options = { ...unpackOptions({ limits, progress, signal: context.signal }), warn: (message: string) => context.log.warn(message) }
  try {
    const local = wanted.pull === 'always' ? undefined : await byId(store, text, options)
    if (local !== undefined) return local
    const registries = openRegistries({}, context, limits)
    const candidates = registries.candidates(text)
    const problems: string[] = []
    for (const reference of candidates) {
      try {
        return await ensure(store, reference, wanted, registries, options)
      } catch (error) {
        if (!isMissing(error) || candidates.length === 1) throw error
        problems.push(describe(error))
      }
    }
    throw new WherryError('not-found', `${text}: is in none of ${candidates.map(canonical).join(', ')}: ${problems.join('; ')}`)
  } finally {
    progress.end()
  }
}
