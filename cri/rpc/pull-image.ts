import type { PullImageRequestSchema, PullImageResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

export const pullImage: Unary<typeof PullImageRequestSchema, typeof PullImageResponseSchema> = async (
  { images },
  { image, auth },
  { signal },
) => ({ imageRef: await images.pull(image?.image ?? '', auth, signal) })
