/** pause and resume: the cgroup freezer. */
import { openCgroup } from '../cgroups/cgroup.ts'
import { WherryError } from '../errors.ts'
import { statusOf } from './state.ts'
import { Store } from './store.ts'
import type { Engine } from './types.ts'

export const pause = async (engine: Engine, id: string): Promise<void> => {
  const store = new Store(engine.root)
  const record = store.read(id)
  const status = await statusOf(engine, store, record)
  if (status !== 'running' && status !== 'created')
    throw new WherryError('failed-precondition', `container not running or created: ${status}`)
  await (await openCgroup(record.cgroup, engine.warn)).freeze()
}

export const resume = async (engine: Engine, id: string): Promise<void> => {
  const store = new Store(engine.root)
  const record = store.read(id)
  if ((await statusOf(engine, store, record)) !== 'paused') throw new WherryError('failed-precondition', `container not paused: ${id}`)
  await (await openCgroup(record.cgroup, engine.warn)).thaw()
}
