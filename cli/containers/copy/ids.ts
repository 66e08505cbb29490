/** Ids of a container as they are seen from here, user_namespaces(7). */
import type { Mappings } from '../../../runtime/container/idmap.ts'
import type { LinuxIDMapping } from '../../../runtime/spec/types.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface Ids {
  /** What the container calls them. */
  inside(owner: Owner): Owner
  /** What they are called here; undefined: the container has no such ids. */
  outside(owner: Owner): Owner | undefined
}

/** What the kernel shows of ids without a name: /proc/sys/kernel/overflowuid. */
const OVERFLOW = 65534

export const SAME: Ids = { inside: (owner) => owner, outside: (owner) => owner }

const inward = (mappings: readonly LinuxIDMapping[], id: number): number => {
  const found = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size)
  return found === undefined ? OVERFLOW : found.containerID + id - found.hostID
}

const outward = (mappings: readonly LinuxIDMapping[], id: number): number | undefined => {
  const found = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size)
  return found === undefined ? undefined : found.hostID + id - found.containerID
}

const isSame = (mappings: readonly LinuxIDMapping[]): boolean => mappings.every(({ containerID, hostID }) => containerID === hostID)

export const mappedIds = ({ uid, gid }: Mappings): Ids =>
  isSame(uid) && isSame(gid)
    ? SAME
    : {
        inside: (owner) => ({ uid: inward(uid, owner.uid), gid: inward(gid, owner.gid) }),
        outside: (owner) => {
          const ids = { uid: outward(uid, owner.uid), gid: outward(gid, owner.gid) }
          return ids.uid === undefined || ids.gid === undefined ? undefined : { uid: ids.uid, gid: ids.gid }
        },
      }
