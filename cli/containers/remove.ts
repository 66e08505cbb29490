/** rm: the end of a container; prune: of all that do not run. */
import { kill as engineKill } from '../../runtime/container/kill.ts'
import { WherryError } from '../../runtime/errors.ts'
import { SIGNALS } from '../../runtime/sys/abi/signal.ts'
import { destroy } from './destroy.ts'
import { emit } from './events.ts'
import { type Home, placesOf } from './home.ts'
import { shortId } from './ids.ts'
import { lock, unlock } from './lock.ts'
import { settle } from './settle.ts'
import { markStopped } from './signal.ts'
import { isUp, statusOf } from './status.ts'
import { awaitExit, cancelRestart } from './stop.ts'
import { type Container, containerIds, findContainer, tryFind } from './store.ts'
import { tidyAll } from './tidy.ts'
import { diskUsage } from './usage.ts'

export interface RemoveOptions {
  /** Also one that runs: it is killed. One that does not exist is no error. */
  readonly force: boolean
  /** With the volumes that have no name. */
  readonly volumes: boolean
}

/** Milliseconds that a killed container may take until its keeper has recorded its end. */
const DYING = 10_000

const removeLocked = async (home: Home, container: Container, { force, volumes }: RemoveOptions): Promise<void> => {
  const { id, config } = container
  const status = await statusOf(home, container)
  if (isUp(status) && !force)
    throw new WherryError(
      'failed-precondition',
      `container ${config.name} (${shortId(id)}) is ${status}: stop it first (wherry stop ${config.name}), or use --force`,
    )
  if (isUp(status)) {
    markStopped(home, container)
    await engineKill(home.engine, id, SIGNALS.SIGKILL, { all: false })
    emit(home, 'kill', config, { signal: String(SIGNALS.SIGKILL) })
    await awaitExit(home, id, DYING)
    // what it leaves is taken away as after any end, but not started again
    if ((await settle(home, id)) === undefined) return
  } else cancelRestart(home, container)
  await destroy(home, id, { config, volumes })
}

/** Those that were never more than half made can be named by what there is of them: their id. */
const halfMade = (home: Home, text: string): string | undefined => {
  const found = /^[0-9a-f]+$/.test(text) ? containerIds(home).filter((id) => id.startsWith(text)) : []
  return found.length === 1 ? found[0] : undefined
}

/** Returns the id of what was removed; undefined where nothing was there and that is no error. Throws `not-found`, `failed-precondition`. */
export const remove = async (home: Home, text: string, options: RemoveOptions): Promise<string | undefined> => {
  const id = tryFind(home, text)?.id ?? halfMade(home, text)
  if (id === undefined) {
    if (options.force) return undefined
    return findContainer(home, text).id
  }
  const fd = await lock(home, id)
  try {
    const container = await settle(home, id)
    if (container !== undefined) await removeLocked(home, container, options)
    return id
  } finally {
    unlock(fd)
  }
}

export interface Pruned {
  readonly ids: readonly string[]
  /** Bytes that were freed. */
  readonly bytes: number
}

/** Removes those that do not run and that `matches` is true of. */
export const prune = async (home: Home, matches: (container: Container) => boolean): Promise<Pruned> => {
  const ids: string[] = []
  let bytes = 0
  for (const { id } of await tidyAll(home)) {
    const fd = await lock(home, id)
    try {
      const container = await settle(home, id)
      if (container === undefined || !matches(container)) continue
      const status = await statusOf(home, container)
      if (status !== 'exited' && status !== 'created') continue
      const size = diskUsage(placesOf(home, id).folder)
      await removeLocked(home, container, { force: false, volumes: false })
      ids.push(id)
      bytes += size
    } finally {
      unlock(fd)
    }
  }
  return { ids, bytes }
}
