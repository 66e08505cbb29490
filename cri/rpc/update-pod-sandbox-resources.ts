import { clone, create } from '@bufbuild/protobuf'
import { WherryError } from '../../runtime/errors.ts'
import {
  LinuxPodSandboxConfigSchema,
  PodSandboxConfigSchema,
  type UpdatePodSandboxResourcesRequestSchema,
  type UpdatePodSandboxResourcesResponseSchema,
} from '../api/api_pb.js'
import { isReady } from '../sandbox/watch.ts'
import type { Unary } from './types.ts'

/** The pod's cgroup is kubelet's, which has changed it before it calls: what it says counts for status, and for the next server. */
export const updatePodSandboxResources: Unary<
  typeof UpdatePodSandboxResourcesRequestSchema,
  typeof UpdatePodSandboxResourcesResponseSchema
> = (cri, { podSandboxId, overhead, resources }, { signal }) => {
  const { id } = cri.sandboxes.find(podSandboxId)
  return cri.sandboxes.locked(
    id,
    () => {
      const sandbox = cri.sandboxes.find(id)
      if (!isReady(cri, sandbox)) throw new WherryError('failed-precondition', `pod sandbox ${id} is not ready`)
      const config = clone(PodSandboxConfigSchema, sandbox.config)
      config.linux ??= create(LinuxPodSandboxConfigSchema)
      if (overhead !== undefined) config.linux.overhead = overhead
      if (resources !== undefined) config.linux.resources = resources
      cri.sandboxes.change(id, { config })
      return {}
    },
    signal,
  )
}
