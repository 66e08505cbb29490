/** Who keeps images in the store, and who has them mounted. */
import { existsSync } from 'node:fs'
import { type Home, leaseOwner, placesOf } from './home.ts'
import { isId } from './ids.ts'
import { readRun } from './run-record.ts'
import { listContainers } from './store.ts'

const PREFIX = leaseOwner('')

/** Whether what holds a lease is still there; what is no container is none of ours to judge. */
export const ownerExists =
  (home: Pick<Home, 'root' | 'runRoot'>) =>
  (owner: string): boolean => {
    const id = owner.startsWith(PREFIX) ? owner.slice(PREFIX.length) : ''
    return !isId(id) || existsSync(placesOf(home, id).folder)
  }

/** Keys of the layers of containers that have a run, or of which nobody has found out yet that theirs is over. */
export const mountedLayers = (home: Pick<Home, 'root' | 'runRoot'>): ReadonlySet<string> =>
  new Set(
    listContainers(home)
      .filter(({ id }) => readRun(home, id) !== undefined)
      .flatMap(({ config }) => config.image?.layers ?? []),
  )
