import type { StreamImagesRequestSchema, StreamImagesResponseSchema } from '../api/api_pb.js'
import type { Streaming } from './types.ts'

/** Images in one message: nodes with hundreds of them have names of some hundred characters. */
const BATCH = 200

export const streamImages: Streaming<typeof StreamImagesRequestSchema, typeof StreamImagesResponseSchema> = async function* (
  { images },
  { filter },
) {
  const all = images.list(filter?.image?.image)
  for (let at = 0; at < all.length; at += BATCH) yield { images: all.slice(at, at + BATCH) }
}
