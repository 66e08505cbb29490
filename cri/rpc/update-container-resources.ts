import type { UpdateContainerResourcesRequestSchema, UpdateContainerResourcesResponseSchema } from '../api/api_pb.js'
import { updateContainer } from '../container/update.ts'
import type { Unary } from './types.ts'

export const updateContainerResources: Unary<
  typeof UpdateContainerResourcesRequestSchema,
  typeof UpdateContainerResourcesResponseSchema
> = async (cri, { containerId, linux }, { signal }) => {
  // nothing is asked for; that the container is there is
  if (linux === undefined) cri.containers.find(containerId)
  else await updateContainer(cri, containerId, linux, signal)
  return {}
}
