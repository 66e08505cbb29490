/** UpdateContainerResources: limits of a container that is there, all of what is asked for or nothing. */
import { openCgroup } from '../../runtime/cgroups/cgroup.ts'
import { Store } from '../../runtime/container/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { LinuxContainerResources } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { machineOf } from './spec/gather.ts'
import { linuxResources, mergedResources } from './spec/resources.ts'

/** Throws `not-found`, `invalid-argument`, `failed-precondition` for one that neither is created nor runs, or what the kernel refused. */
export const updateContainer = async (cri: Cri, text: string, resources: LinuxContainerResources, signal: AbortSignal): Promise<void> => {
  const { id } = cri.containers.find(text)
  const wanted = linuxResources(resources, machineOf(cri), 'linux')
  await cri.containers.locked(
    id,
    async () => {
      const container = cri.containers.find(id)
      const { phase, config } = container
      const kept = phase === 'created' || phase === 'running' ? new Store(cri.engine.root).tryRead(id) : undefined
      if (kept === undefined)
        throw new WherryError(
          'failed-precondition',
          `the resources of container ${id} cannot be changed: it neither waits for its start nor runs`,
        )
      const cgroup = await openCgroup(kept.cgroup, cri.engine.warn)
      // undone by itself if something of it is refused
      await cgroup.update(wanted)
      const linux = { ...config.linux!, resources: mergedResources(config.linux?.resources, resources) }
      cri.containers.change(id, { config: { ...config, linux } })
    },
    signal,
  )
}
