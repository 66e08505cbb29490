/** Ids of networks, which are for people: what is written down names networks. */
import { DEFAULT_NETWORK } from '../../../runtime/network/definition.ts'
import { sha256 } from '../../../runtime/sys/sha256.ts'

/** Stable: of the name and the time it was made. 64 hexadecimal digits. */
export const networkId = (name: string, created = ''): string => sha256(name === DEFAULT_NETWORK ? name : `${name}\0${created}`)
