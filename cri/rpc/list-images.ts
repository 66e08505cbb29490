import type { ListImagesRequestSchema, ListImagesResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

export const listImages: Unary<typeof ListImagesRequestSchema, typeof ListImagesResponseSchema> = ({ images }, { filter }) => ({
  images: [...images.list(filter?.image?.image)],
})
