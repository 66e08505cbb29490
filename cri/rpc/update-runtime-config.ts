import type { UpdateRuntimeConfigRequestSchema, UpdateRuntimeConfigResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

/** What the node's controller says the pods' addresses are: one range, or two with a comma between. */
export const updateRuntimeConfig: Unary<typeof UpdateRuntimeConfigRequestSchema, typeof UpdateRuntimeConfigResponseSchema> = async (
  { networks },
  { runtimeConfig },
) => {
  const cidr = runtimeConfig?.networkConfig?.podCidr ?? ''
  if (cidr !== '') await networks.setPodCidr(cidr)
  return {}
}
