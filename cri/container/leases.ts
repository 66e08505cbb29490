/** Leases on images that a container has besides that on its own. */
import { leaseOwner } from '../images/owners.ts'

/** Of the image that config.mounts[index] is of. */
export const volumeLeaseOwner = (id: string, index: number): string => `${leaseOwner(id)}:${index}`
