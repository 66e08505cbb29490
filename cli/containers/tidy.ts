/** Meeting containers: each is brought into order first, if it is not and nobody else is at work on it. */
import { WherryError } from '../../runtime/errors.ts'
import type { Home } from './home.ts'
import { lock, tryLock, unlock } from './lock.ts'
import { progressOf } from './liveness.ts'
import { reconcileNetworks } from './network/reconcile.ts'
import { readRun } from './run-record.ts'
import { removeRunFolder, settle } from './settle.ts'
import { type Container, containerIds, findContainer, idsIn, listContainers, readState } from './store.ts'

/** Cheap, without a lock: something may be half done, or has ended and is not cleaned up. */
const needsCare = (home: Home, id: string): boolean => {
  const state = readState(home, id)
  if (state === undefined || state.phase === 'removing') return true
  const record = readRun(home, id)
  if (state.phase === 'started') return record?.phase !== 'running' || progressOf(home, id).kind === 'ended'
  return record === undefined ? state.restartAt !== undefined : record.phase !== 'waiting' || state.restartAt === undefined
}

const care = async (home: Home, id: string): Promise<void> => {
  const fd = tryLock(home, id)
  if (fd === undefined) return
  try {
    await settle(home, id)
  } finally {
    unlock(fd)
  }
}

/** Takes away what is left of this boot of containers that do not exist. */
const sweepRuns = (home: Home, ids: ReadonlySet<string>): void => {
  for (const id of idsIn(`${home.runRoot}/containers`)) {
    if (ids.has(id)) continue
    const fd = tryLock(home, id)
    if (fd === undefined) continue
    // one that is being made has its lock before its folder
    if (!containerIds(home).includes(id)) removeRunFolder(home, id)
    unlock(fd)
  }
}

/** All containers, the newest first, in order. One that cannot be brought into order is told of, and listed as it is. */
export const tidyAll = async (home: Home): Promise<Container[]> => {
  const ids = containerIds(home)
  for (const id of ids) {
    try {
      if (needsCare(home, id)) await care(home, id)
    } catch (error) {
      home.warn(`container ${id}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await reconcileNetworks(home)
  sweepRuns(home, new Set(ids))
  return listContainers(home)
}

/** One container in order. Throws `not-found`, `invalid-argument` (ambiguous). */
export const tidy = async (home: Home, text: string): Promise<Container> => {
  const container = findContainer(home, text)
  if (!needsCare(home, container.id)) return container
  await care(home, container.id)
  return findContainer(home, container.id)
}

/** Runs `work` on a container in order, with its lock held. Throws `not-found`, `invalid-argument` (ambiguous). */
export const withContainer = async <T>(
  home: Home,
  text: string,
  work: (container: Container) => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> => {
  const { id } = findContainer(home, text)
  const fd = await lock(home, id, signal)
  try {
    const container = await settle(home, id)
    if (container === undefined) throw new WherryError('not-found', `container ${text} has just been removed`)
    return await work(container)
  } finally {
    unlock(fd)
  }
}
