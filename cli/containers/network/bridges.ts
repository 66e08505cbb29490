/** The built-in bridge networks of a home, for the engine of them: runtime/network/bridge.ts. */
import { WherryError } from '../../../runtime/errors.ts'
import { type Address, parseAddress } from '../../../runtime/network/address.ts'
import { type Attachment, Attachments, type PublishedPort } from '../../../runtime/network/attachments.ts'
import { attach, detach, type Host, removeNetwork } from '../../../runtime/network/bridge.ts'
import type { NetworkDefinition } from '../../../runtime/network/definition.ts'
import type { Home } from '../home.ts'
import { findDefinition, listDefinitions } from './definitions.ts'

export const hostOf = (home: Home): Host => ({ attachments: new Attachments(home.runRoot), networks: () => listDefinitions(home) })

export interface BridgeRequest {
  readonly container: string
  readonly network: NetworkDefinition
  /** Descriptor of the container's network namespace. */
  readonly namespace: number
  readonly interface: string
  readonly ip?: string | undefined
  readonly ip6?: string | undefined
  readonly mac?: string | undefined
  readonly aliases: readonly string[]
  readonly ports: readonly PublishedPort[]
  readonly defaultRoute: boolean
}

const isSame = (a: NetworkDefinition, b: NetworkDefinition | undefined): boolean => b !== undefined && a.created === b.created

/** Throws `not-found` where the network was removed meanwhile. */
export const attachBridge = (home: Home, { ip, ip6, mac, ...request }: BridgeRequest): Attachment => {
  const { network, container } = request
  const addresses = [ip, ip6].filter((text) => text !== undefined).map((text): Address => parseAddress(text))
  const host = hostOf(home)
  const attachment = attach(host, { ...request, addresses, ...(mac === undefined ? {} : { mac }) })
  // a removal looks for attachments and takes the file away with the lock that attach had: one of both sees the other
  if (isSame(network, findDefinition(home, network.name))) return attachment
  detach(host, container, network.name)
  removeBridge(home, network)
  throw new WherryError('not-found', `network ${network.name} was removed just now`)
}

/** Idempotent. */
export const detachBridge = (home: Home, container: string, network: string): void => detach(hostOf(home), container, network)

/** Takes the bridge and its rules away if nobody is attached. */
export const removeBridge = (home: Home, network: NetworkDefinition): void => {
  const host = hostOf(home)
  if (host.attachments.list(network.name).length === 0) removeNetwork(host, network)
}
