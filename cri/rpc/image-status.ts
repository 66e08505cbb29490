import type { ImageStatusRequestSchema, ImageStatusResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

/** Without `image` where it is not on this node. */
export const imageStatus: Unary<typeof ImageStatusRequestSchema, typeof ImageStatusResponseSchema> = ({ images }, request) => {
  const text = request.image?.image ?? ''
  const image = images.status(text)
  if (image === undefined) return {}
  return { image, ...(request.verbose ? { info: { info: JSON.stringify(images.details(image.id)) } } : {}) }
}
