/**
 * Our rules, nft(8): one table, made whole in one step; what changes with networks and containers are the elements of its sets.
 *
 * Published ports are translated before routing (priority dstnat), so packets to them are *forwarded*: they pass the host’s own
 * rules of the forward hook, and not those of its input hook. Of the forward hook we only refuse what would cross between
 * networks; what we accept another table may still drop.
 */
import { runNft } from '../sys/libnftables.ts'
import { type Address, formatAddress, formatPrefix, type Prefix } from './address.ts'

/** Of the text below: a table of another version is replaced. */
const VERSION = 1

const TABLE = 'inet wherry'

const rules = `
table ${TABLE} {
  set bridges { type ifname; }
  set internal { type ifname; }
  set same { type ifname . ifname; }
  set subnets4 { type ipv4_addr; flags interval; }
  set subnets6 { type ipv6_addr; flags interval; }
  map ports4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; flags interval; }
  map ports6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; flags interval; }
  chain version-${VERSION} { }
  chain ports {
    meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . ip daddr . th dport map @ports4
    meta l4proto { tcp, udp, sctp } dnat ip6 to meta l4proto . ip6 daddr . th dport map @ports6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip6 daddr ::1 accept
    fib daddr type local jump ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ct status dnat ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ct status dnat ip saddr @subnets4 masquerade
    oifname @bridges ct status dnat ip6 saddr @subnets6 masquerade
    oifname != @bridges ip saddr @subnets4 masquerade
    oifname != @bridges ip6 saddr @subnets6 masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    iifname @bridges oifname @bridges ct status dnat accept
    iifname @bridges oifname @bridges drop
  }
}
`

export interface NetworkRules {
  readonly bridge: string
  readonly subnets: readonly Prefix[]
  /** No way out of it, and none in. */
  readonly internal: boolean
  /** Containers’ addresses are seen outside: no masquerading. */
  readonly routed?: boolean
}

/** One published port: packets for `host`:`hostPort` go to `to`:`port`. */
export interface PortRule {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** Absent: all addresses of the host in the family of `to`. */
  readonly host?: Address
  readonly hostPort: number
  readonly to: Address
  readonly port: number
}

/** An element of a set, or of a map where it has a value. */
interface Element {
  readonly set: string
  readonly key: string
  readonly value?: string
}

const add = ({ set, key, value }: Element): string => `add element ${TABLE} ${set} { ${key}${value === undefined ? '' : ` : ${value}`} }`
/** What is not there is added first: to remove it is no error then. */
const remove = (element: Element): string => `${add(element)}\ndelete element ${TABLE} ${element.set} { ${element.key} }`

const networkElements = ({ bridge, subnets, internal, routed = false }: NetworkRules): Element[] => [
  { set: 'bridges', key: `"${bridge}"` },
  { set: 'same', key: `"${bridge}" . "${bridge}"` },
  ...(internal ? [{ set: 'internal', key: `"${bridge}"` }] : []),
  ...(routed ? [] : subnets.map((subnet) => ({ set: `subnets${subnet.address.family}`, key: formatPrefix(subnet) }))),
]

const portElement = ({ protocol, host, hostPort, to, port }: PortRule): Element => {
  const address = host === undefined ? (to.family === 4 ? '0.0.0.0/0' : '::/0') : formatAddress(host)
  return { set: `ports${to.family}`, key: `${protocol} . ${address} . ${hostPort}`, value: `${formatAddress(to)} . ${port}` }
}

const run = (commands: readonly string[], namespace: number | undefined): void => {
  if (commands.length > 0) runNft(commands.join('\n'), namespace === undefined ? {} : { namespace })
}

interface ListedChain {
  readonly chain?: { readonly table: string; readonly name: string }
}

const isCurrent = (namespace: number | undefined): boolean => {
  const text = runNft('list chains inet', { json: true, ...(namespace === undefined ? {} : { namespace }) })
  const { nftables } = JSON.parse(text) as { nftables: readonly ListedChain[] }
  return nftables.some(({ chain }) => chain?.table === 'wherry' && chain.name === `version-${VERSION}`)
}

/**
 * Makes what a network needs; idempotent. Where the table is missing or of another version it is made with `all` networks and
 * ports there are, in one step, so that no packet sees half of it.
 */
export const ensureNetworkRules = (
  network: NetworkRules,
  all: () => { readonly networks: readonly NetworkRules[]; readonly ports: readonly PortRule[] },
  namespace?: number,
): void => {
  const own = networkElements(network).map(add)
  if (isCurrent(namespace)) {
    run(own, namespace)
    return
  }
  const { networks, ports } = all()
  const others = networks.flatMap(networkElements).map(add)
  run([`table ${TABLE}`, `delete table ${TABLE}`, rules, ...others, ...own, ...ports.map(portElement).map(add)], namespace)
}

export const removeNetworkRules = (network: NetworkRules, namespace?: number): void => {
  if (isCurrent(namespace)) run(networkElements(network).map(remove), namespace)
}

/** All or none; fails where one of them is another container’s. The network’s rules are there. */
export const publishPorts = (ports: readonly PortRule[], namespace?: number): void => run(ports.map(portElement).map(add), namespace)

/** Elements of a map as nft(8) lists them, which is how `portElement` writes them. */
const listed = (map: string, namespace: number | undefined): ReadonlySet<string> => {
  const text = runNft(`list map ${TABLE} ${map}`, namespace === undefined ? {} : { namespace })
  const [, elements = ''] = /elements = \{([^}]*)\}/.exec(text) ?? []
  return new Set(elements.split(',').map((element) => element.trim().replace(/\s+/g, ' ')))
}

/** Those that are there as they are here: another container may have got the port since. */
export const withdrawPorts = (ports: readonly PortRule[], namespace?: number): void => {
  if (ports.length === 0 || !isCurrent(namespace)) return
  const there = { ports4: listed('ports4', namespace), ports6: listed('ports6', namespace) }
  const ours = ports.map(portElement).filter(({ set, key, value }) => there[set as keyof typeof there].has(`${key} : ${value}`))
  run(ours.map(remove), namespace)
}

/** Takes away all there is of ours. */
export const removeTable = (namespace?: number): void => run([`table ${TABLE}`, `delete table ${TABLE}`], namespace)
