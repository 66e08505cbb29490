/** All networks there are, of either kind, and what is none and has a name all the same. */
import { WherryError } from '../../../runtime/errors.ts'
import { formatAddress, formatPrefix } from '../../../runtime/network/address.ts'
import { listCniLists } from '../../../runtime/network/cni/conflist.ts'
import type { CniList } from '../../../runtime/network/cni/types.ts'
import { bridgeName, DEFAULT_NETWORK, type NetworkDefinition } from '../../../runtime/network/definition.ts'
import type { Home } from '../home.ts'
import { listDefinitions } from './definitions.ts'
import { networkId } from './ids.ts'

export interface ListedNetwork {
  readonly id: string
  readonly name: string
  readonly driver: 'bridge' | 'cni' | 'host' | 'null'
  readonly internal: boolean
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly labels: Readonly<Record<string, string>>
  /** RFC 3339; of those that are always there absent. */
  readonly created?: string
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string; readonly range?: string }[]
  /** `mtu`, `bridge` */
  readonly options: Readonly<Record<string, string>>
  /** Nobody made it, and nobody removes it. */
  readonly builtin: boolean
}

const ofDefinition = ({ name, created, internal, labels, subnets, mtu, bridge }: NetworkDefinition): ListedNetwork => ({
  id: networkId(name, created),
  name,
  driver: 'bridge',
  internal,
  ipv4: subnets.some(({ subnet }) => subnet.address.family === 4),
  ipv6: subnets.some(({ subnet }) => subnet.address.family === 6),
  labels,
  created,
  subnets: subnets.map(({ subnet, gateway, range }) => ({
    subnet: formatPrefix(subnet),
    gateway: formatAddress(gateway),
    ...(range === undefined ? {} : { range: formatPrefix(range) }),
  })),
  options: { bridge, ...(mtu === undefined ? {} : { mtu: String(mtu) }) },
  builtin: name === DEFAULT_NETWORK,
})

const NOTHING = { internal: false, ipv4: false, ipv6: false, labels: {}, subnets: [], options: {} } as const

const ofList = ({ name, cniVersion, plugins }: CniList): ListedNetwork => ({
  ...NOTHING,
  id: networkId(name, 'cni'),
  name,
  driver: 'cni',
  options: { cniVersion, plugins: plugins.map(({ type }) => type).join(',') },
  builtin: false,
})

const ALWAYS: readonly ListedNetwork[] = [
  { ...NOTHING, id: networkId('host'), name: 'host', driver: 'host', builtin: true },
  { ...NOTHING, id: networkId('none'), name: 'none', driver: 'null', builtin: true },
]

/** The default network before somebody is in it: its subnets are chosen then. */
const IMPLIED: ListedNetwork = {
  ...NOTHING,
  id: networkId(DEFAULT_NETWORK),
  name: DEFAULT_NETWORK,
  driver: 'bridge',
  ipv4: true,
  ipv6: true,
  options: { bridge: bridgeName(DEFAULT_NETWORK) },
  builtin: true,
}

/** By name. */
export const listNetworks = (home: Home): ListedNetwork[] => {
  const built = listDefinitions(home).map(ofDefinition)
  const known = built.some(({ name }) => name === DEFAULT_NETWORK) ? built : [IMPLIED, ...built]
  // of two with one name ours counts
  const others = listCniLists(home.warn).filter(({ name }) => !known.some((one) => one.name === name))
  return [...known, ...others.map(ofList), ...ALWAYS].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** By name, or by its id or the beginning of that. Throws `not-found`, `invalid-argument` (ambiguous). */
export const needNetwork = (home: Home, text: string): ListedNetwork => {
  const all = listNetworks(home)
  const named = all.find(({ name }) => name === text)
  if (named !== undefined) return named
  const found = /^[0-9a-f]{1,64}$/.test(text) ? all.filter(({ id }) => id.startsWith(text)) : []
  if (found.length > 1)
    throw new WherryError(
      'invalid-argument',
      `network ${text} is ambiguous: ${found.map(({ name }) => name).join(', ')}; write more of the id, or a name`,
    )
  if (found[0] !== undefined) return found[0]
  throw new WherryError(
    'not-found',
    `there is no network ${JSON.stringify(text.slice(0, 200))}: \`wherry network ls\` lists those there are`,
  )
}
