/**
 * The built-in bridge network: a bridge on the host, a pair of veth interfaces per container, addresses from our leases, rules of
 * ours (rules.ts). No external program. All calls are short; who is attached is written down before anything is made.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isErrno } from '../sys/error.ts'
import { inNetworkNamespace, NetlinkSocket } from '../sys/netlink.ts'
import { randomBytes } from '../sys/random.ts'
import { sha256 } from '../sys/sha256.ts'
import { type Address, contains, formatAddress, parseAddress, type Prefix } from './address.ts'
import { type Attachment, type Attachments, leaseAddresses, type PublishedPort } from './attachments.ts'
import type { NetworkDefinition } from './definition.ts'
import {
  addAddress,
  addBridge,
  addRoute,
  addVeth,
  changeLink,
  deleteLink,
  findLink,
  type Link,
  listAddresses,
  setHairpin,
} from './rtnetlink.ts'
import { ensureNetworkRules, type NetworkRules, type PortRule, publishPorts, removeNetworkRules, withdrawPorts } from './rules.ts'

export interface Host {
  readonly attachments: Attachments
  /** All bridge networks there are. */
  readonly networks: () => readonly NetworkDefinition[]
  /** Descriptor of the network namespace that bridges are in; this process’s own by default. */
  readonly namespace?: number
}

export interface AttachRequest {
  readonly container: string
  readonly network: NetworkDefinition
  /** Descriptor of the container’s network namespace. */
  readonly namespace: number
  /** `eth0` */
  readonly interface: string
  /** Wanted addresses, at most one per subnet. */
  readonly addresses?: readonly Address[]
  readonly mac?: string
  readonly aliases?: readonly string[]
  readonly ports?: readonly PublishedPort[]
  /** Of several networks the one that packets to elsewhere leave by. */
  readonly defaultRoute: boolean
}

const rulesOf = ({ bridge, subnets, internal }: NetworkDefinition): NetworkRules => ({
  bridge,
  internal,
  subnets: subnets.map(({ subnet }) => subnet),
})

/** Of every address of the attachment that a port of the family can go to. */
export const portRulesOf = ({ addresses, ports }: Attachment): PortRule[] =>
  ports.flatMap(({ protocol, host: text, hostPort, port }) => {
    const host = text === undefined ? undefined : parseAddress(text)
    return addresses
      .map((address) => parseAddress(address))
      .filter((to) => host === undefined || host.family === to.family)
      .map((to) => ({ protocol, hostPort, to, port, ...(host === undefined ? {} : { host }) }))
  })

const inHost = <T>({ namespace }: Host, work: () => T): T => (namespace === undefined ? work() : inNetworkNamespace(namespace, work))

const setSysctl = (path: string, value: string): void => {
  const file = `/proc/sys/net/${path}`
  if (readFileSync(file, 'utf8').trim() !== value) writeFileSync(file, value)
}

/** Where IPv6 is switched off there is none of its switches. */
const setIfThere = (path: string, value: string): void => {
  try {
    setSysctl(path, value)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

/** Makes the bridge with its addresses, the switches of forwarding and the rules; idempotent. Called with the network’s lock held. */
const ensureBridge = (host: Host, socket: NetlinkSocket, network: NetworkDefinition): Link => {
  const { bridge, mtu, subnets } = network
  let link = findLink(socket, bridge)
  if (link === undefined) {
    // a bridge without a fixed address changes its own with its ports, and everybody’s ARP caches go stale
    const mac = `02:${[...randomBytes(5)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
    addBridge(socket, bridge, { mac, up: true, ...(mtu === undefined ? {} : { mtu }) })
    link = findLink(socket, bridge)!
  }
  const there = new Set(
    listAddresses(socket)
      .filter(({ index }) => index === link.index)
      .map(({ prefix }) => formatAddress(prefix.address)),
  )
  for (const { subnet, gateway } of subnets)
    if (!there.has(formatAddress(gateway))) addAddress(socket, link.index, { address: gateway, length: subnet.length })
  if (!link.up) changeLink(socket, link.index, { up: true })
  inHost(host, () => {
    setSysctl('ipv4/ip_forward', '1')
    if (subnets.some(({ subnet }) => subnet.address.family === 6)) setIfThere('ipv6/conf/all/forwarding', '1')
    // so that 127.0.0.1:PORT of the host reaches a published port
    setSysctl(`ipv4/conf/${bridge}/route_localnet`, '1')
  })
  const all = (): { networks: NetworkRules[]; ports: PortRule[] } => {
    const networks = host.networks().filter(({ name }) => name !== network.name && host.attachments.list(name).length > 0)
    return {
      networks: networks.map(rulesOf),
      ports: [network, ...networks].flatMap(({ name }) => host.attachments.list(name)).flatMap(portRulesOf),
    }
  }
  ensureNetworkRules(rulesOf(network), all, host.namespace)
  return link
}

/** Names of the host’s ends: the same for the same container and network, so that what a killed process made is found. */
const linkName = (network: string, container: string): string => `wh${sha256(`${network}/${container}`).slice(0, 12)}`

/** From the IPv4 address, as docker’s are, so that a container that comes back with its address has its MAC too. */
const macOf = (addresses: readonly Address[]): string => {
  const four = addresses.find(({ family }) => family === 4)
  const bytes = four === undefined ? randomBytes(4) : Buffer.from(four.value.toString(16).padStart(8, '0'), 'hex')
  return ['02', '42', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

const configure = (namespace: number, definition: NetworkDefinition, request: AttachRequest, addresses: readonly Address[]): void => {
  using inside = new NetlinkSocket(namespace)
  const link = findLink(inside, request.interface)!
  for (const address of addresses) {
    const home = definition.subnets.find(({ subnet }) => contains(subnet, address))!
    addAddress(inside, link.index, { address, length: home.subnet.length })
  }
  changeLink(inside, link.index, { up: true })
  if (!request.defaultRoute || definition.internal) return
  for (const { gateway } of definition.subnets) addRoute(inside, { gateway, link: link.index })
}

/** Attaches a container. After a failure nothing of it is left. Throws `already-exists` where an address is another’s, SyscallError. */
export const attach = (host: Host, request: AttachRequest): Attachment =>
  host.attachments.locked(request.network.name, () => {
    const { container, network, namespace } = request
    const addresses = leaseAddresses(network, host.attachments.list(network.name), request.addresses)
    const attachment: Attachment = {
      version: 1,
      container,
      network: network.name,
      bridge: network.bridge,
      link: linkName(network.name, container),
      interface: request.interface,
      mac: request.mac ?? macOf(addresses),
      addresses: addresses.map(formatAddress),
      aliases: request.aliases ?? [],
      ports: request.ports ?? [],
    }
    using socket = new NetlinkSocket(host.namespace)
    host.attachments.write(attachment)
    try {
      const bridge = ensureBridge(host, socket, network)
      deleteLink(socket, attachment.link)
      const mtu = network.mtu === undefined ? {} : { mtu: network.mtu }
      addVeth(
        socket,
        attachment.link,
        { name: request.interface, namespace, mac: attachment.mac, ...mtu },
        { ...mtu, master: bridge.index, up: true },
      )
      setHairpin(socket, findLink(socket, attachment.link)!.index)
      configure(namespace, network, request, addresses)
      publishPorts(portRulesOf(attachment), host.namespace)
      return attachment
    } catch (error) {
      undo(host, socket, attachment)
      throw error
    }
  })

const undo = (host: Host, socket: NetlinkSocket, attachment: Attachment): void => {
  withdrawPorts(portRulesOf(attachment), host.namespace)
  deleteLink(socket, attachment.link)
  host.attachments.remove(attachment)
}

/** Idempotent. The bridge stays: it is the network’s. */
export const detach = (host: Host, container: string, network: string): void =>
  host.attachments.locked(network, () => {
    const attachment = host.attachments.find(network, container)
    if (attachment === undefined) return
    using socket = new NetlinkSocket(host.namespace)
    undo(host, socket, attachment)
  })

/** Undoes the attachments of containers that are no more; returns them. */
export const reconcile = (host: Host, isAlive: (container: string) => boolean): Attachment[] =>
  host.attachments.networks().flatMap((network) =>
    host.attachments.locked(network, () => {
      const dead = host.attachments.list(network).filter(({ container }) => !isAlive(container))
      if (dead.length === 0) return []
      using socket = new NetlinkSocket(host.namespace)
      for (const attachment of dead) undo(host, socket, attachment)
      return dead
    }),
  )

/** Takes the bridge and its rules away; nobody is attached. Idempotent. */
export const removeNetwork = (host: Host, network: NetworkDefinition): void =>
  host.attachments.locked(network.name, () => {
    removeNetworkRules(rulesOf(network), host.namespace)
    using socket = new NetlinkSocket(host.namespace)
    deleteLink(socket, network.bridge)
  })

/** What the host has addresses in: a new network must not overlap. */
export const prefixesInUse = ({ namespace }: Pick<Host, 'namespace'>): Prefix[] => {
  using socket = new NetlinkSocket(namespace)
  return listAddresses(socket).map(({ prefix }) => prefix)
}
