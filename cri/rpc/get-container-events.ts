import type { ContainerEventResponseSchema, GetEventsRequestSchema } from '../api/api_pb.js'
import type { Streaming } from './types.ts'

/** No generator: whoever has called misses nothing from then on. */
export const getContainerEvents: Streaming<typeof GetEventsRequestSchema, typeof ContainerEventResponseSchema> = (cri, _, { signal }) =>
  cri.events.subscribe(signal)
