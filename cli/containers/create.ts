/** Making containers: one that waits to be started, or one that is started at once and exists only if that succeeds. */
import { abandon, type Allocated, allocate, type Bases } from './allocate.ts'
import { emit } from './events.ts'
import type { Home } from './home.ts'
import { unlock } from './lock.ts'
import type { ContainerRequest } from './request.ts'
import { type Started, startRun, type StartOptions } from './start.ts'
import { type Container, writeState } from './store.ts'

/** Runs `work` on what was allocated; takes everything back if that fails. */
const making = async <T>(home: Home, allocated: Allocated, work: () => Promise<T>): Promise<T> => {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await abandon(home, allocated)
    throw error
  }
  unlock(allocated.lock)
  return result
}

/** create: nothing runs. Throws what `allocate` does. */
export const createContainer = async (home: Home, request: ContainerRequest, bases: Bases): Promise<Container> => {
  const allocated = await allocate(home, request, bases)
  return making(home, allocated, async () => {
    const { config, state } = allocated
    writeState(home, config, state)
    emit(home, 'create', config)
    return { id: config.id, config, state }
  })
}

export interface Running extends Started {
  readonly container: Container
}

/** run: if it cannot be started nothing of it is left. */
export const runContainer = async (home: Home, request: ContainerRequest, bases: Bases, options: StartOptions): Promise<Running> => {
  const allocated = await allocate(home, request, bases)
  return making(home, allocated, async () => {
    const { config } = allocated
    emit(home, 'create', config)
    const started = await startRun(home, config, allocated.state, options)
    return { ...started, container: { id: config.id, config, state: started.state } }
  })
}
