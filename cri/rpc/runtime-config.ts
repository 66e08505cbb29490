import { CgroupDriver, type RuntimeConfigRequestSchema, type RuntimeConfigResponseSchema } from '../api/api_pb.js'
import type { Unary } from './types.ts'

/** kubelet makes the cgroups of pods in the same way. */
export const runtimeConfig: Unary<typeof RuntimeConfigRequestSchema, typeof RuntimeConfigResponseSchema> = ({ config }) => ({
  linux: { cgroupDriver: config.cgroupDriver === 'systemd' ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS },
})
