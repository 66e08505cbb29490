/** Who keeps images in the store. */
import { existsSync } from 'node:fs'
import { type Home, leaseOwner, placesOf } from './home.ts'
import { isId } from './ids.ts'

const PREFIX = leaseOwner('')

/** Whether what holds a lease is still there; what is no container is none of ours to judge. */
export const ownerExists =
  (home: Pick<Home, 'root' | 'runRoot'>) =>
  (owner: string): boolean => {
    const id = owner.startsWith(PREFIX) ? owner.slice(PREFIX.length) : ''
    return !isId(id) || existsSync(placesOf(home, id).folder)
  }
