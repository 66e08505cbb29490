import type { RemoveImageRequestSchema, RemoveImageResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

/** By a name that name only, by an id the image with all its names. One that is not there is removed. */
export const removeImage: Unary<typeof RemoveImageRequestSchema, typeof RemoveImageResponseSchema> = async ({ images }, { image }) => {
  await images.remove(image?.image ?? '')
  return {}
}
