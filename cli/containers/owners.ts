/** Who keeps images in the store, and who has them mounted. */
import { existsSync } from 'node:fs'
import type { Store } from '../../image/store/types.ts'
import { WherryError } from '../../runtime/errors.ts'
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

/** Whether pods have a layer: which of them run is not known here. A lease that cannot be read may be on any of them. */
export const layersOfPods = (store: Pick<Store, 'kept'>): ((key: string) => boolean) => {
  try {
    const keys = new Set<string>(store.kept((owner) => owner.startsWith('cri:')).flatMap(({ digests }) => digests))
    return (key) => keys.has(key)
  } catch (error) {
    if (!(error instanceof WherryError) || error.kind !== 'data-loss') throw error
    return () => true
  }
}
