/** Which networks a container is to be in, how, and with which name of an interface. */
import { WherryError } from '../../../runtime/errors.ts'
import { DEFAULT_NETWORK, type NetworkDefinition } from '../../../runtime/network/definition.ts'
import type { CniList } from '../../../runtime/network/cni/types.ts'
import { nearest } from '../../support/nearest.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import type { EndpointRequest, NetworkRequest } from '../request.ts'
import { ensureDefault, findDefinition, listDefinitions } from './definitions.ts'

export type KnownNetwork =
  | { readonly kind: 'bridge'; readonly name: string; readonly definition: NetworkDefinition }
  | { readonly kind: 'cni'; readonly name: string; readonly list: CniList }

export interface PlannedNetwork {
  readonly network: KnownNetwork
  /** `eth0` */
  readonly interface: string
  readonly endpoint: EndpointRequest
  /** Packets to elsewhere leave by it. */
  readonly defaultRoute: boolean
  /** The published ports lead to it. */
  readonly hasPorts: boolean
}

const findCni = async (name: string): Promise<CniList | undefined> => {
  const { findCniList } = await import('../../../runtime/network/cni/conflist.ts')
  return findCniList(name)
}

/** Throws `not-found`, naming what is near. */
export const findNetwork = async (home: Home, name: string): Promise<KnownNetwork> => {
  const definition = name === DEFAULT_NETWORK ? ensureDefault(home) : findDefinition(home, name)
  if (definition !== undefined) return { kind: 'bridge', name, definition }
  const list = await findCni(name)
  if (list !== undefined) return { kind: 'cni', name, list }
  const guess = nearest(name, [DEFAULT_NETWORK, ...listDefinitions(home).map((one) => one.name)])
  throw new WherryError(
    'not-found',
    `there is no network ${name}${guess === undefined ? '' : ` (did you mean ${guess}?)`}: make it (wherry network create ${name}), or see \`wherry network ls\``,
  )
}

export const networkNames = ({ mode, names }: Pick<NetworkRequest, 'mode' | 'names'>): readonly string[] =>
  mode !== 'networks' ? [] : names.length === 0 ? [DEFAULT_NETWORK] : names

/** What is asked for of the network of this index. */
export const endpointOf = (request: NetworkRequest, name: string): EndpointRequest => {
  const { aliases, ip, ip6, mac, endpoints } = request
  if (networkNames(request)[0] !== name) return endpoints?.[name] ?? { aliases: [] }
  return {
    aliases,
    ...(ip === undefined ? {} : { ip }),
    ...(ip6 === undefined ? {} : { ip6 }),
    ...(mac === undefined ? {} : { mac }),
  }
}

const leadsOut = (network: KnownNetwork): boolean => network.kind === 'cni' || !network.definition.internal

/** Throws `not-found`. */
export const planNetworks = async (home: Home, { request }: ContainerConfig): Promise<PlannedNetwork[]> => {
  const known: KnownNetwork[] = []
  for (const name of networkNames(request.network)) known.push(await findNetwork(home, name))
  // of several the first that leads out
  const first = known.find(leadsOut) ?? known[0]
  return known.map((network, index) => ({
    network,
    interface: `eth${index}`,
    endpoint: endpointOf(request.network, network.name),
    defaultRoute: network === first,
    hasPorts: network === first && leadsOut(network),
  }))
}

/** Families of the addresses that a container gets in the network; of CNI nobody knows before. */
export const familiesOf = (network: KnownNetwork): Set<4 | 6> =>
  new Set(network.kind === 'cni' ? [4] : network.definition.subnets.map(({ subnet }) => subnet.address.family))
