/** Meeting containers: each is brought into order first, if it is not and nobody else is at work on it. */
import { WherryError } from '../../runtime/errors.ts'
import type { ContainerState } from './config.ts'
import type { Home } from './home.ts'
import { lock, tryLock, unlock } from './lock.ts'
import { goesOn, progressOf } from './liveness.ts'
import { reconcileNetworks } from './network/reconcile.ts'
import { readRun, type RunRecord } from './run-record.ts'
import { removeRunFolder, settle } from './settle.ts'
import { type Container, containerIds, findContainer, idsIn, newestFirst, readConfig, readContainer, readState } from './store.ts'

interface Look {
  readonly state: ContainerState | undefined
  /** Of a run that goes on. */
  readonly run?: RunRecord
  /** Something may be half done, or has ended and is not cleaned up. */
  readonly needsCare: boolean
}

/** Cheap, without a lock. */
const look = (home: Home, id: string): Look => {
  const state = readState(home, id)
  if (state === undefined || state.phase === 'removing') return { state, needsCare: true }
  const run = readRun(home, id)
  if (state.phase !== 'started') {
    const waits = state.restartAt !== undefined
    return { state, needsCare: run === undefined ? waits : run.phase !== 'waiting' || !waits }
  }
  if (run?.phase !== 'running') return { state, needsCare: true }
  if (goesOn(run)) return { state, run, needsCare: false }
  return { state, needsCare: progressOf(home, id).kind === 'ended' }
}

const needsCare = (home: Home, id: string): boolean => look(home, id).needsCare

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

export interface Tidied extends Container {
  /** Of a run that went on when it was looked at. */
  readonly run?: RunRecord
}

const tidied = async (home: Home, id: string): Promise<Tidied | undefined> => {
  let found: Look
  try {
    found = look(home, id)
    if (found.needsCare) await care(home, id)
  } catch (error) {
    home.warn(`container ${id}: ${error instanceof Error ? error.message : String(error)}`)
    return readContainer(home, id)
  }
  const { state, run } = found
  const config = found.needsCare || state === undefined ? undefined : readConfig(home, id)
  if (config === undefined || state === undefined) return readContainer(home, id)
  return { id, config, state, ...(run === undefined ? {} : { run }) }
}

/** All containers, the newest first, in order. One that cannot be brought into order is told of, and listed as it is. */
export const tidyAll = async (home: Home): Promise<Tidied[]> => {
  const ids = containerIds(home)
  const found: Tidied[] = []
  for (const id of ids) {
    const container = await tidied(home, id)
    if (container !== undefined) found.push(container)
  }
  await reconcileNetworks(home)
  sweepRuns(home, new Set(ids))
  return newestFirst(found)
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
