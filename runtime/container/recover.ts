/** Undoing: of a creation that failed or was killed, of a deletion that was killed. */
import { openCgroup } from '../cgroups/cgroup.ts'
import { Store } from './store.ts'
import type { ContainerRecord, Engine } from './types.ts'

/** Removes everything of a container: its processes, its cgroup, its folder. Idempotent. A cgroup that was not entered is removed if it is empty. */
export const obliterate = async (engine: Engine, store: Store, record: ContainerRecord): Promise<void> => {
  const cgroup = await openCgroup(record.cgroup, engine.warn)
  if (cgroup.exists()) {
    const empty = cgroup.processes().length === 0
    if (!empty && record.entered === true) await cgroup.kill()
    if (empty || record.entered === true) await cgroup.destroy()
  }
  store.remove(record.id)
}

/** Completes or undoes what processes that were killed left half done. What others are at work on is left to them. */
export const recover = async (engine: Engine): Promise<void> => {
  const store = new Store(engine.root)
  for (const id of store.unsettled()) {
    const lock = await store.lock(id, false)
    if (lock === undefined) continue
    try {
      const record = store.tryRead(id)
      if (record === undefined) store.remove(id)
      else if (record.init === undefined || record.deleting === true) await obliterate(engine, store, record)
      store.settle(id)
    } finally {
      lock.release()
    }
  }
}
