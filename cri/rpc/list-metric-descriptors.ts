import type { ListMetricDescriptorsRequestSchema, ListMetricDescriptorsResponseSchema } from '../api/api_pb.js'
import { BASE_LABELS, DESCRIPTORS } from '../stats/metrics/descriptors.ts'
import type { Unary } from './types.ts'

export const listMetricDescriptors: Unary<typeof ListMetricDescriptorsRequestSchema, typeof ListMetricDescriptorsResponseSchema> = () => ({
  descriptors: Object.entries(DESCRIPTORS).map(([name, { help, labels }]) => ({ name, help, labelKeys: [...BASE_LABELS, ...labels] })),
})
