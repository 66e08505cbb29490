/** What a bridge network is: what `network create` writes down and what containers are attached by. Plain, checked values. */
import { InvalidField, WherryError } from '../errors.ts'
import { sha256 } from '../sys/sha256.ts'
import {
  type Address,
  contains,
  formatAddress,
  formatPrefix,
  lastOf,
  networkOf,
  nth,
  overlaps,
  parseAddress,
  parsePrefix,
  type Prefix,
} from './address.ts'
import { checkLinkName } from './rtnetlink.ts'

export interface Subnet {
  readonly subnet: Prefix
  /** The bridge’s own address in it. */
  readonly gateway: Address
  /** Part of the subnet that addresses are given from; the whole of it by default. */
  readonly range?: Prefix
}

export interface NetworkDefinition {
  readonly name: string
  /** Name of the host’s interface. */
  readonly bridge: string
  readonly subnets: readonly Subnet[]
  /** No way out. */
  readonly internal: boolean
  readonly mtu?: number
  readonly labels: Readonly<Record<string, string>>
  /** RFC 3339. */
  readonly created: string
}

/** As it stands in a file, and as `network inspect` shows it. */
export interface NetworkDocument {
  readonly version: 1
  readonly name: string
  readonly bridge: string
  readonly subnets: readonly { readonly subnet: string; readonly gateway: string; readonly range?: string }[]
  readonly internal: boolean
  readonly mtu?: number
  readonly labels: Readonly<Record<string, string>>
  readonly created: string
}

export const DEFAULT_NETWORK = 'bridge'
/** Where subnets come from that nobody named: the default network has the first of each, others the next that is free. */
const pool4 = () => ({ from: parsePrefix('10.88.0.0/16'), count: 168n })
/** RFC 4193, locally assigned; one /64 per network. */
const pool6 = (): Prefix => parsePrefix('fd77:6865:7272::/48')

export const checkNetworkName = (name: string): string => {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name))
    throw new WherryError(
      'invalid-argument',
      `network name ${JSON.stringify(name.slice(0, 200))}: letters, digits, '_', '.' and '-' are allowed, the first a letter or digit`,
    )
  return name
}

/** Of a network that has no name of its own for it: the same for the same name, and short enough for an interface. */
export const bridgeName = (name: string): string => (name === DEFAULT_NETWORK ? 'wherry0' : `wherry-${sha256(name).slice(0, 8)}`)

export interface SubnetRequest {
  readonly subnet: string
  readonly gateway?: string
  readonly range?: string
}

/** Throws `invalid-argument`. The first address is the gateway’s unless another is wanted. */
export const makeSubnet = ({ subnet: text, gateway: gatewayText, range: rangeText }: SubnetRequest): Subnet => {
  const given = parsePrefix(text, '--subnet')
  const subnet = networkOf(given)
  if (subnet.address.value !== given.address.value)
    throw new WherryError('invalid-argument', `--subnet: ${text} has bits behind its prefix: ${formatPrefix(subnet)} is the network`)
  const bits = subnet.address.family === 4 ? 32 : 128
  if (subnet.length > bits - 2) throw new WherryError('invalid-argument', `--subnet: ${text} has no room for a gateway and a container`)
  const gateway = gatewayText === undefined ? nth(subnet, 1n) : parseAddress(gatewayText, '--gateway')
  if (!contains(subnet, gateway)) throw new WherryError('invalid-argument', `--gateway: ${gatewayText} is not in ${text}`)
  const range = rangeText === undefined ? undefined : parsePrefix(rangeText, '--ip-range')
  if (range !== undefined && (range.length < subnet.length || !contains(subnet, range.address)))
    throw new WherryError('invalid-argument', `--ip-range: ${rangeText} is not part of ${text}`)
  return { subnet, gateway, ...(range === undefined ? {} : { range: networkOf(range) }) }
}

const poolSubnets = function* (family: 4 | 6): Generator<Prefix> {
  if (family === 4) {
    const { from, count } = pool4()
    for (let index = 0n; index < count; index++) yield { address: { family, value: from.address.value + (index << 16n) }, length: 16 }
  } else {
    const { address } = pool6()
    for (let index = 0n; index < 1n << 16n; index++) yield { address: { family, value: address.value + (index << 64n) }, length: 64 }
  }
}

/** The first subnet of our pool that none of `taken` overlaps: other networks’, and what the host has addresses or routes in. */
export const freeSubnet = (family: 4 | 6, taken: readonly Prefix[]): Subnet => {
  for (const subnet of poolSubnets(family)) {
    if (!taken.some((other) => overlaps(other, subnet))) return { subnet, gateway: nth(subnet, 1n) }
  }
  throw new WherryError('resource-exhausted', `no IPv${family} subnet is free for a network: name one with --subnet`)
}

/** Addresses that may be given to containers: first and last. */
export const leasable = ({ subnet, range }: Subnet): readonly [bigint, bigint] => {
  const part = range ?? subnet
  const first = networkOf(part).address.value
  const last = lastOf(part).value
  // the network’s own address and, of IPv4, the broadcast address are none
  const low = first === networkOf(subnet).address.value ? first + 1n : first
  const high = last === lastOf(subnet).value && subnet.address.family === 4 ? last - 1n : last
  return [low, high]
}

const field = (value: unknown, path: string): string => {
  if (typeof value !== 'string') throw new InvalidField(path, 'a string is wanted')
  return value
}

/** Throws InvalidField. */
export const readNetwork = (value: unknown): NetworkDefinition => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidField('network', 'an object is wanted')
  const document = value as Partial<Record<keyof NetworkDocument, unknown>>
  if (document.version !== 1)
    throw new InvalidField('version', `${JSON.stringify(document.version)} is not 1: it was written by another wherry`)
  if (!Array.isArray(document.subnets)) throw new InvalidField('subnets', 'a list is wanted')
  if (typeof document.internal !== 'boolean') throw new InvalidField('internal', 'a boolean is wanted')
  const { mtu, labels } = document
  if (mtu !== undefined && !(Number.isInteger(mtu) && Number(mtu) >= 68 && Number(mtu) <= 65535))
    throw new InvalidField('mtu', '68 to 65535 is wanted')
  if (typeof labels !== 'object' || labels === null) throw new InvalidField('labels', 'an object is wanted')
  return {
    name: checkNetworkName(field(document.name, 'name')),
    bridge: checkLinkName(field(document.bridge, 'bridge')),
    subnets: document.subnets.map((entry: Partial<Record<'subnet' | 'gateway' | 'range', unknown>>, index) =>
      makeSubnet({
        subnet: field(entry.subnet, `subnets[${index}].subnet`),
        gateway: field(entry.gateway, `subnets[${index}].gateway`),
        ...(entry.range === undefined ? {} : { range: field(entry.range, `subnets[${index}].range`) }),
      }),
    ),
    internal: document.internal,
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    labels: Object.fromEntries(Object.entries(labels).map(([key, text]) => [key, field(text, `labels.${key}`)])),
    created: field(document.created, 'created'),
  }
}

export const writeNetwork = ({ name, bridge, subnets, internal, mtu, labels, created }: NetworkDefinition): NetworkDocument => ({
  version: 1,
  name,
  bridge,
  subnets: subnets.map(({ subnet, gateway, range }) => ({
    subnet: formatPrefix(subnet),
    gateway: formatAddress(gateway),
    ...(range === undefined ? {} : { range: formatPrefix(range) }),
  })),
  internal,
  ...(mtu === undefined ? {} : { mtu }),
  labels,
  created,
})
