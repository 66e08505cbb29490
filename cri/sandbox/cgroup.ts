/** Where cgroups of a pod's containers and of its holder are. */
import { InvalidField } from '../../runtime/errors.ts'
import type { PodSandboxConfig } from '../api/api_pb.js'
import type { CriConfig } from '../config.ts'

const FIELD = 'config.linux.cgroup_parent'

/**
 * linux.cgroupsPath of the runtime-spec, for a container or a holder with this id: `/parent/id`, for systemd `slice:cri-wherry:id`.
 * Throws `invalid-argument` for a parent that is not as the cgroup driver wants it.
 */
export const cgroupsPathOf = ({ cgroupDriver }: Pick<CriConfig, 'cgroupDriver'>, { linux }: PodSandboxConfig, id: string): string => {
  const parent = linux?.cgroupParent ?? ''
  if (cgroupDriver === 'systemd') {
    if (parent === '') return `system.slice:cri-wherry:${id}`
    const slice = parent.slice(parent.lastIndexOf('/') + 1)
    if (!slice.endsWith('.slice'))
      throw new InvalidField(FIELD, `${JSON.stringify(parent)} is no slice, as the cgroup driver systemd wants it: is kubelet's the same?`)
    return `${slice}:cri-wherry:${id}`
  }
  // without a folder of ours above it, which nobody could take away while others come and go
  if (parent === '') return `/wherry-${id}`
  if (!parent.startsWith('/'))
    throw new InvalidField(FIELD, `${JSON.stringify(parent)} is no absolute path, as the cgroup driver cgroupfs wants it`)
  return `${parent.replace(/\/+$/, '')}/${id}`
}
