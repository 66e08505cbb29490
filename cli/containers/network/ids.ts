/** Ids of networks, which are for people: what is written down names networks. */
import { createHash } from 'node:crypto'
import { DEFAULT_NETWORK } from '../../../runtime/network/definition.ts'

/** Stable: of the name and the time it was made. 64 hexadecimal digits. */
export const networkId = (name: string, created = ''): string =>
  createHash('sha256')
    .update(name === DEFAULT_NETWORK ? name : `${name}\0${created}`)
    .digest('hex')
