/** delete: removes a stopped container; with `force` any. */
import { openCgroup } from '../cgroups/cgroup.ts'
import { WherryError } from '../errors.ts'
import { runAllHooks, stateOf } from './hooks.ts'
import { signalProcess } from './kill.ts'
import { reap } from './launch.ts'
import { isAlive } from './process-id.ts'
import { obliterate, recover } from './recover.ts'
import { hooksOf } from './spec.ts'
import { statusOf } from './state.ts'
import { Store } from './store.ts'
import type { ContainerRecord, Engine } from './types.ts'
import { WNOHANG } from '../sys/abi/wait.ts'
import { monotonic } from '../sys/clock.ts'
import { sleep } from '../sleep.ts'

const SIGKILL = 9
/** Milliseconds that a killed init may take to end. */
const LONGEST = 10_000

const end = async (engine: Engine, record: ContainerRecord): Promise<void> => {
  const { init } = record
  if (init === undefined) return
  signalProcess(init, SIGKILL)
  const cgroup = await openCgroup(record.cgroup, engine.warn)
  if (cgroup.exists()) await cgroup.kill()
  const until = monotonic() + LONGEST
  while (isAlive(init)) {
    if (monotonic() > until)
      throw new WherryError(
        'deadline-exceeded',
        `container ${record.id}: process ${init.pid} does not end after SIGKILL: it hangs in the kernel`,
      )
    reap(init.pid, WNOHANG)
    await sleep(1)
  }
}

/** Throws not-found, unless forced; failed-precondition for a container that runs. */
export const deleteContainer = async (engine: Engine, id: string, { force }: { force: boolean }): Promise<void> => {
  await recover(engine)
  const store = new Store(engine.root)
  if (store.tryRead(id) === undefined && force) return
  store.read(id)
  const lock = (await store.lock(id))!
  try {
    const record = store.read(id)
    const status = await statusOf(engine, store, record)
    if (status !== 'stopped' && status !== 'creating') {
      if (!force && status !== 'created')
        throw new WherryError('failed-precondition', `cannot delete container ${id} that is not stopped: ${status}`)
      await end(engine, record)
    }
    store.write({ ...record, deleting: true })
    const hooks = hooksOf(store, record)
    await obliterate(engine, store, record)
    await runAllHooks('poststop', hooks?.poststop, stateOf(record, 'stopped'), engine.warn)
  } finally {
    store.settle(id)
    lock.release()
  }
}
