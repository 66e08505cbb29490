/** An image of the store to a registry, or to any other target. */
import { WherryError } from '../../runtime/errors.ts'
import type { ImageTarget } from '../source.ts'
import type { Store } from '../store/types.ts'
import { type Copied, copyImage, type CopyOptions } from './copy.ts'
import { storeSource } from './store-source.ts'

/** `image`: a name or id in the store. The target is closed. The manifest’s bytes stay, and with them its digest. */
export const pushImage = async (
  store: Store,
  image: string,
  target: ImageTarget,
  options: Omit<CopyOptions, 'platform'> = {},
): Promise<Copied> => {
  try {
    const found = store.images.find(image)
    if (found === undefined) throw new WherryError('not-found', `${image}: there is no such image; wherry images lists those there are`)
    const source = storeSource(store, found)
    const lease = await store.lease()
    try {
      await lease.add(...store.images.reach(found))
      return await copyImage(source, target, options)
    } finally {
      await lease.end()
    }
  } finally {
    await target.close()
  }
}
