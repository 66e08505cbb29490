/** network create: a bridge network’s definition, of what is asked for and what is free. */
import { WherryError } from '../../../runtime/errors.ts'
import { contains, formatPrefix, networkOf, overlaps, parseAddress, parsePrefix, type Prefix } from '../../../runtime/network/address.ts'
import { findCniList } from '../../../runtime/network/cni/conflist.ts'
import { bridgeName, freeSubnet, makeSubnet, type NetworkDefinition, type Subnet } from '../../../runtime/network/definition.ts'
import { checkLinkName, findLink, listAddresses } from '../../../runtime/network/rtnetlink.ts'
import { NetlinkSocket } from '../../../runtime/sys/netlink.ts'
import type { Home } from '../home.ts'
import { timeNow } from '../times.ts'
import { addDefinition, prefixesTaken } from './definitions.ts'

export interface CreateNetwork {
  readonly name: string
  /** Of each the family tells which belong together. */
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
  readonly ranges: readonly string[]
  readonly internal: boolean
  /** With a subnet of ours where none of IPv6 is named. */
  readonly ipv6: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly mtu?: number
  /** Name of the machine’s interface; one of ours by default. */
  readonly bridge?: string
}

const invalid = (problem: string): WherryError => new WherryError('invalid-argument', problem)

/** The one of `texts` that is in the subnet; what is in none of them is a mistake. */
const within = (subnet: Prefix, texts: readonly string[], read: (text: string) => Prefix['address']): string | undefined =>
  texts.find((text) => contains(subnet, read(text)))

const asGateway = (text: string) => parseAddress(text, '--gateway')
const asRange = (text: string) => parsePrefix(text, '--ip-range').address

const namedSubnets = ({ subnets, gateways, ranges }: CreateNetwork): Subnet[] => {
  const prefixes = subnets.map((text) => parsePrefix(text, '--subnet'))
  for (const family of [4, 6] as const)
    if (prefixes.filter(({ address }) => address.family === family).length > 1)
      throw invalid(`--subnet: a network has one subnet of IPv${family} at most`)
  for (const [flag, texts, read] of [
    ['gateway', gateways, asGateway],
    ['ip-range', ranges, asRange],
  ] as const) {
    if (texts.length > 0 && subnets.length === 0) throw invalid(`--${flag} needs the --subnet that it is in`)
    for (const text of texts)
      if (!prefixes.some((prefix) => contains(networkOf(prefix), read(text))))
        throw invalid(`--${flag}: ${text} is in none of ${subnets.join(', ')}`)
    for (const prefix of prefixes)
      if (texts.filter((text) => contains(prefix, read(text))).length > 1)
        throw invalid(`--${flag}: ${formatPrefix(prefix)} has one at most`)
  }
  return prefixes.map((prefix) => {
    const gateway = within(prefix, gateways, asGateway)
    const range = within(prefix, ranges, asRange)
    return makeSubnet({
      subnet: formatPrefix(prefix),
      ...(gateway === undefined ? {} : { gateway }),
      ...(range === undefined ? {} : { range }),
    })
  })
}

/** What was named may lie in what the machine has a route to, but not where it has an address itself or another network is. */
const refuseOverlaps = (subnets: readonly Subnet[], others: readonly NetworkDefinition[]): void => {
  using socket = new NetlinkSocket()
  const own = listAddresses(socket)
  for (const { subnet } of subnets) {
    const other = others.find((one) => one.subnets.some((theirs) => overlaps(theirs.subnet, subnet)))
    if (other !== undefined)
      throw invalid(`--subnet: ${formatPrefix(subnet)} overlaps network ${other.name}: choose another, or leave it to us`)
    const address = own.find(({ prefix }) => contains(subnet, prefix.address))
    if (address !== undefined)
      throw invalid(`--subnet: this machine has the address ${formatPrefix(address.prefix)} in ${formatPrefix(subnet)}: choose another`)
  }
}

/** Another interface’s bridge would be taken over, and removed with the network. */
const refuseLink = (bridge: string, others: readonly NetworkDefinition[]): void => {
  const other = others.find((one) => one.bridge === bridge)
  if (other !== undefined) throw new WherryError('already-exists', `the bridge ${bridge} is network ${other.name}'s`)
  using socket = new NetlinkSocket()
  if (findLink(socket, bridge) !== undefined)
    throw new WherryError('already-exists', `this machine has an interface ${bridge}: name another for the bridge, or leave it to us`)
}

/** Throws `already-exists`, `invalid-argument`, `resource-exhausted` where no subnet is free. */
export const createNetwork = (home: Home, request: CreateNetwork): NetworkDefinition => {
  const { name, internal, ipv6, labels, mtu } = request
  const named = namedSubnets(request)
  if (findCniList(name) !== undefined) throw new WherryError('already-exists', `there is a CNI network ${name}: choose another name`)
  return addDefinition(home, name, (others) => {
    refuseOverlaps(named, others)
    const bridge = checkLinkName(request.bridge ?? bridgeName(name))
    if (request.bridge !== undefined) refuseLink(bridge, others)
    const taken = prefixesTaken([...others])
    const has = (family: 4 | 6): boolean => named.some(({ subnet }) => subnet.address.family === family)
    const subnets = [...(has(4) ? [] : [freeSubnet(4, taken)]), ...named, ...(ipv6 && !has(6) ? [freeSubnet(6, taken)] : [])]
    return { name, bridge, subnets, internal, labels, created: timeNow(), ...(mtu === undefined ? {} : { mtu }) }
  })
}
