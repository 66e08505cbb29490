/** What networks containers are in now: of the built-in bridge and of CNI. */
import { Attachments } from '../../../runtime/network/attachments.ts'
import { cniAttachments } from '../../../runtime/network/cni/cache.ts'
import type { Home } from '../home.ts'

export interface Endpoint {
  readonly container: string
  readonly network: string
  readonly kind: 'bridge' | 'cni'
  /** `eth0` */
  readonly interface: string
  readonly mac: string
  /** Without prefix lengths. */
  readonly addresses: readonly string[]
  /** Of CNI: what the plugins say; of the built-in bridge its definition has them. */
  readonly gateways: readonly string[]
  /** By which it is found in this network: its name, the beginning of its id, and what it was given. */
  readonly aliases: readonly string[]
}

/** Of all containers, or of one; in the order of their interfaces. */
export const endpoints = ({ runRoot }: Pick<Home, 'runRoot'>, id?: string): Endpoint[] => {
  const attachments = new Attachments(runRoot)
  const built = attachments
    .networks()
    .flatMap((network) => (id === undefined ? attachments.list(network) : (attachments.find(network, id) ?? [])))
    .map((one): Endpoint => ({ ...one, kind: 'bridge', gateways: [] }))
  const others = cniAttachments(runRoot, id).map((one): Endpoint => ({ ...one, kind: 'cni' }))
  return [...built, ...others].sort((a, b) => a.interface.localeCompare(b.interface, 'en', { numeric: true }))
}
