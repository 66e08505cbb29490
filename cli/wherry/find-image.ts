import type { Store, StoredImage } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'

/** Throws `not-found`. */
export const findImage = (store: Store, text: string): StoredImage => {
  const image = store.images.find(text)
  if (image === undefined)
    throw new WherryError('not-found', `image ${text} is not in the store: see wherry images, or wherry pull ${text}`)
  return image
}
