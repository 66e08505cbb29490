/** state and list: what is written down, and what the kernel says of it. */
import { closeSync, openSync } from 'node:fs'
import { openCgroup } from '../cgroups/cgroup.ts'
import { PAGE_WORDS } from '../init/sync.ts'
import { isErrno } from '../sys/error.ts'
import { readPage } from './page-file.ts'
import { isAlive } from './process-id.ts'
import { recover } from './recover.ts'
import { Store } from './store.ts'
import type { ContainerRecord, ContainerState, Engine, Status } from './types.ts'

/** Whether `start` was asked for. */
export const isStarted = (store: Store, id: string): boolean => {
  let fd: number
  try {
    fd = openSync(store.file(id, 'page'), 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
  try {
    return readPage(fd).word(PAGE_WORDS.started) === 1
  } finally {
    closeSync(fd)
  }
}

export const statusOf = async (engine: Engine, store: Store, record: ContainerRecord): Promise<Status> => {
  if (record.init === undefined) return 'creating'
  if (!isAlive(record.init)) return 'stopped'
  if ((await openCgroup(record.cgroup, engine.warn)).frozen) return 'paused'
  return isStarted(store, record.id) ? 'running' : 'created'
}

/** Throws not-found. */
export const state = async (engine: Engine, id: string): Promise<ContainerState> => {
  await recover(engine)
  const store = new Store(engine.root)
  const record = store.read(id)
  return { ...record, status: await statusOf(engine, store, record) }
}

/** All containers, by id. */
export const list = async (engine: Engine): Promise<ContainerState[]> => {
  await recover(engine)
  const store = new Store(engine.root)
  const states: ContainerState[] = []
  for (const id of store.ids()) {
    const record = store.tryRead(id)
    if (record !== undefined) states.push({ ...record, status: await statusOf(engine, store, record) })
  }
  return states
}
