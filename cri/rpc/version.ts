import type { VersionRequestSchema, VersionResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

export const RUNTIME_NAME = 'wherry'

/** Of kubelet's own interface to us, which has had this version ever since. */
const KUBELET_API = '0.1.0'

export const version: Unary<typeof VersionRequestSchema, typeof VersionResponseSchema> = ({ config }) => ({
  version: KUBELET_API,
  runtimeName: RUNTIME_NAME,
  runtimeVersion: config.version,
  runtimeApiVersion: 'v1',
})
