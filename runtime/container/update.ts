/** update, ps, stats: a container's cgroup, live. */
import { openCgroup } from '../cgroups/cgroup.ts'
import type { Stats } from '../cgroups/stats/types.ts'
import type { Cgroup } from '../cgroups/types.ts'
import { WherryError } from '../errors.ts'
import type { LinuxResources } from '../spec/types.ts'
import { statusOf } from './state.ts'
import { Store } from './store.ts'
import type { Engine } from './types.ts'

const cgroupOf = async (engine: Engine, id: string): Promise<Cgroup> => {
  const store = new Store(engine.root)
  const record = store.read(id)
  if ((await statusOf(engine, store, record)) === 'stopped') throw new WherryError('failed-precondition', `container not running: ${id}`)
  return openCgroup(record.cgroup, engine.warn)
}

/** Changes what `resources` names and leaves the rest. */
export const update = async (engine: Engine, id: string, resources: LinuxResources): Promise<void> =>
  (await cgroupOf(engine, id)).update(resources)

/** Pids of all processes, as we see them; none of a container that has stopped. */
export const ps = async (engine: Engine, id: string): Promise<number[]> => {
  const record = new Store(engine.root).read(id)
  return [...(await openCgroup(record.cgroup, engine.warn)).processes()]
}

export const stats = async (engine: Engine, id: string): Promise<Stats> => (await cgroupOf(engine, id)).stats()
