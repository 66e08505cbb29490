/** Who keeps images in the store: our containers, and those of `wherry run`. */
import type { Digest } from '../../image/digest.ts'
import type { Store } from '../../image/store/types.ts'
import type { Container, Table } from '../state/types.ts'

const PREFIX = 'cri:'

/** Of a container’s lease on its image. */
export const leaseOwner = (id: string): string => `${PREFIX}${id}`

/** Of that on the image which config.mounts[index] is of. */
export const volumeLeaseOwner = (id: string, index: number): string => `${leaseOwner(id)}:${index}`

/** Whether what holds a lease is still there; what is no container of ours is none of ours to judge. */
export const ownerExists =
  (containers: Pick<Table<Container>, 'get'>) =>
  (owner: string): boolean =>
    !owner.startsWith(PREFIX) || containers.get(owner.slice(PREFIX.length).split(':')[0]!) !== undefined

/** What containers that are not ours use: kubelet does not know them, and must not take their images away. */
export const strangerUses = (store: Store): ReadonlySet<Digest> =>
  new Set(store.kept((owner) => !owner.startsWith(PREFIX)).flatMap(({ digests }) => digests))
