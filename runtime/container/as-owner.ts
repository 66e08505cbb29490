/** Making files in a container's root that are to belong to root of the container, who need not be root of the machine. */
import { trySyscall } from '../sys/syscall.ts'
import type { Mappings } from './idmap.ts'

/** Ids of the machine. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Undefined: this process, or a user namespace without a root. */
export const ownerOf = (mappings: Mappings | undefined): Owner | undefined => {
  const [uid, gid] = [mappings?.uid, mappings?.gid].map((ids) => ids?.find(({ containerID }) => containerID === 0)?.hostID)
  return uid === undefined || gid === undefined ? undefined : { uid, gid }
}

/** What `work` makes belongs to the owner; setfsuid(2). It must not await anything. */
export const asOwner = (owner: Owner | undefined, work: () => void): void => {
  if (owner === undefined) {
    work()
    return
  }
  const gid = trySyscall('setfsgid', owner.gid)
  const uid = trySyscall('setfsuid', owner.uid)
  try {
    work()
  } finally {
    trySyscall('setfsuid', uid)
    trySyscall('setfsgid', gid)
  }
}
