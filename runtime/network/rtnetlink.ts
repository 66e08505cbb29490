/** Interfaces, addresses and routes: rtnetlink(7). Every call takes the socket, and so the network namespace it works in. */
import {
  IFADDRMSG,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_FLAGS,
  IFA_F_NODAD,
  IFA_LOCAL,
  IFF_UP,
  IFINFOMSG,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_BRPORT_MODE,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_STATS64,
  IFNAMSIZ,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PREFSRC,
  RTMSG,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELROUTE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTNL_LINK_STATS64,
  RTN_UNICAST,
  RTPROT_STATIC,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  VETH_INFO_PEER,
} from '../sys/abi/netlink.ts'
import { AF_INET, AF_INET6 } from '../sys/abi/socket.ts'
import { isErrno } from '../sys/error.ts'
import { type Attribute, attributesOf, encodeAttribute, type NetlinkSocket, text, textOf, u32 } from '../sys/netlink.ts'
import { WherryError } from '../errors.ts'
import { type Address, addressBytes, addressOfBytes, formatAddress, formatPrefix, lastOf, networkOf, type Prefix } from './address.ts'

export interface Link {
  readonly index: number
  readonly name: string
  /** `veth`, `bridge`; '' for hardware and loopback. */
  readonly kind: string
  readonly up: boolean
  readonly mtu: number
  /** `02:42:…`; '' where it has none. */
  readonly mac: string
  /** Index of the bridge it is a port of. */
  readonly master?: number
  readonly statistics: Readonly<Record<keyof typeof RTNL_LINK_STATS64, bigint>>
}

export interface LinkOptions {
  readonly mtu?: number
  readonly mac?: string
  /** Index of a bridge. */
  readonly master?: number
  readonly up?: boolean
}

export interface LinkAddress {
  readonly index: number
  readonly prefix: Prefix
}

export interface Route {
  /** Absent: the default route. */
  readonly destination?: Prefix
  readonly gateway?: Address
  /** Index of the interface. */
  readonly link?: number
  /** Address that packets are sent from. */
  readonly source?: Address
}

const familyOf = ({ family }: Pick<Address, 'family'>): number => (family === 4 ? AF_INET : AF_INET6)

/** Throws `invalid-argument` for what dev_valid_name() of the kernel refuses. */
export const checkLinkName = (name: string): string => {
  if (name === '' || Buffer.byteLength(name) >= IFNAMSIZ || name === '.' || name === '..' || /[\s/:\0]/.test(name))
    throw new WherryError(
      'invalid-argument',
      `${JSON.stringify(name)} is no name of an interface: 1 to 15 bytes without blanks, ':' and '/'`,
    )
  return name
}

const macBytes = (mac: string): Buffer => {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac))
    throw new WherryError('invalid-argument', `${JSON.stringify(mac)} is no MAC address like 02:42:0a:58:00:02`)
  return Buffer.from(mac.replaceAll(':', ''), 'hex')
}

/** struct ifinfomsg */
const linkHeader = (index = 0, flags = 0, change = 0): Buffer => {
  const bytes = Buffer.alloc(IFINFOMSG.size)
  bytes.writeInt32LE(index, IFINFOMSG.ifi_index)
  bytes.writeUInt32LE(flags, IFINFOMSG.ifi_flags)
  bytes.writeUInt32LE(change, IFINFOMSG.ifi_change)
  return bytes
}

const upHeader = (index: number, up: boolean | undefined): Buffer =>
  up === undefined ? linkHeader(index) : linkHeader(index, up ? IFF_UP : 0, IFF_UP)

const optionAttributes = ({ mtu, mac, master }: LinkOptions): Attribute[] => [
  ...(mtu === undefined ? [] : [[IFLA_MTU, u32(mtu)] as const]),
  ...(mac === undefined ? [] : [[IFLA_ADDRESS, macBytes(mac)] as const]),
  ...(master === undefined ? [] : [[IFLA_MASTER, u32(master)] as const]),
]

const linkOf = (body: Buffer): Link => {
  const attributes = attributesOf(body, IFINFOMSG.size)
  const info = attributes.get(IFLA_LINKINFO)
  const kind = info === undefined ? '' : textOf(attributesOf(info, 0).get(IFLA_INFO_KIND))
  const counters = attributes.get(IFLA_STATS64)
  const counter = (offset: number): bigint => (counters === undefined ? 0n : counters.readBigUInt64LE(offset))
  const master = attributes.get(IFLA_MASTER)?.readUInt32LE()
  return {
    index: body.readInt32LE(IFINFOMSG.ifi_index),
    name: textOf(attributes.get(IFLA_IFNAME)),
    kind,
    up: (body.readUInt32LE(IFINFOMSG.ifi_flags) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE() ?? 0,
    mac: [...(attributes.get(IFLA_ADDRESS) ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    ...(master === undefined ? {} : { master }),
    statistics: Object.fromEntries(
      Object.entries(RTNL_LINK_STATS64).map(([name, offset]) => [name, counter(offset)]),
    ) as Link['statistics'],
  }
}

export const listLinks = (socket: NetlinkSocket): Link[] =>
  socket.request({ type: RTM_GETLINK, flags: NLM_F_DUMP, header: linkHeader(), name: 'RTM_GETLINK' }).map(({ body }) => linkOf(body))

/** undefined where there is none of that name. */
export const findLink = (socket: NetlinkSocket, name: string): Link | undefined => {
  try {
    const [message] = socket.request({
      type: RTM_GETLINK,
      header: linkHeader(),
      attributes: [[IFLA_IFNAME, text(checkLinkName(name))]],
      name: 'RTM_GETLINK',
      args: [`name=${name}`],
    })
    return message === undefined ? undefined : linkOf(message.body)
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return undefined
    throw error
  }
}

const addLink = (socket: NetlinkSocket, name: string, kind: string, data: readonly Attribute[], options: LinkOptions): void => {
  socket.request({
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: upHeader(0, options.up),
    attributes: [
      [IFLA_IFNAME, text(checkLinkName(name))],
      ...optionAttributes(options),
      [IFLA_LINKINFO, [[IFLA_INFO_KIND, text(kind)], ...(data.length === 0 ? [] : [[IFLA_INFO_DATA, data] as const])]],
    ],
    name: 'RTM_NEWLINK',
    args: [`name=${name}`, `kind=${kind}`],
  })
}

/** EEXIST where the name is taken. */
export const addBridge = (socket: NetlinkSocket, name: string, options: LinkOptions = {}): void =>
  addLink(socket, name, 'bridge', [], options)

/** veth(4): `name` here, `peer.name` in the network namespace of descriptor `peer.namespace`, made in one step. */
export const addVeth = (
  socket: NetlinkSocket,
  name: string,
  peer: { readonly name: string; readonly namespace: number } & LinkOptions,
  options: LinkOptions = {},
): void => {
  const attributes = [
    [IFLA_IFNAME, text(checkLinkName(peer.name))],
    ...optionAttributes(peer),
    [IFLA_NET_NS_FD, u32(peer.namespace)],
  ] as const
  // VETH_INFO_PEER holds a struct ifinfomsg with attributes behind it
  const nested = Buffer.concat([linkHeader(), ...attributes.map(encodeAttribute)])
  addLink(socket, name, 'veth', [[VETH_INFO_PEER, nested]], options)
}

export const changeLink = (socket: NetlinkSocket, index: number, options: LinkOptions & { readonly name?: string }): void => {
  socket.request({
    type: RTM_NEWLINK,
    header: upHeader(index, options.up),
    attributes: [
      ...optionAttributes(options),
      ...(options.name === undefined ? [] : [[IFLA_IFNAME, text(checkLinkName(options.name))] as const]),
    ],
    name: 'RTM_NEWLINK',
    args: [`index=${index}`],
  })
}

/** Lets a bridge send frames back through the port they came from: a container that calls its own published port. */
export const setHairpin = (socket: NetlinkSocket, index: number): void => {
  socket.request({
    type: RTM_NEWLINK,
    header: linkHeader(index),
    attributes: [
      [
        IFLA_LINKINFO,
        [
          [IFLA_INFO_SLAVE_KIND, text('bridge')],
          [IFLA_INFO_SLAVE_DATA, [[IFLA_BRPORT_MODE, Uint8Array.of(1)]]],
        ],
      ],
    ],
    name: 'RTM_NEWLINK',
    args: [`index=${index}`, 'hairpin=on'],
  })
}

/** False where there is none (any more). The other end of a veth goes with it. */
export const deleteLink = (socket: NetlinkSocket, name: string): boolean => {
  try {
    socket.request({
      type: RTM_DELLINK,
      header: linkHeader(),
      attributes: [[IFLA_IFNAME, text(checkLinkName(name))]],
      name: 'RTM_DELLINK',
      args: [`name=${name}`],
    })
    return true
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return false
    throw error
  }
}

/** struct ifaddrmsg */
const addressHeader = (index: number, { address, length }: Prefix): Buffer => {
  const bytes = Buffer.alloc(IFADDRMSG.size)
  bytes.writeUInt8(familyOf(address), IFADDRMSG.ifa_family)
  bytes.writeUInt8(length, IFADDRMSG.ifa_prefixlen)
  bytes.writeUInt32LE(index, IFADDRMSG.ifa_index)
  return bytes
}

/** Of IPv6 without duplicate address detection, which would leave it unusable for a second: the address is ours by our leases. */
export const addAddress = (socket: NetlinkSocket, index: number, prefix: Prefix): void => {
  const { address } = prefix
  const bytes = addressBytes(address)
  socket.request({
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    header: addressHeader(index, prefix),
    attributes: [
      [IFA_LOCAL, bytes],
      [IFA_ADDRESS, bytes],
      ...(address.family === 4 && prefix.length < 31 ? [[IFA_BROADCAST, addressBytes(lastOf(prefix))] as const] : []),
      ...(address.family === 6 ? [[IFA_FLAGS, u32(IFA_F_NODAD)] as const] : []),
    ],
    name: 'RTM_NEWADDR',
    args: [`index=${index}`, formatPrefix(prefix)],
  })
}

/** False where it is not there. */
export const deleteAddress = (socket: NetlinkSocket, index: number, prefix: Prefix): boolean => {
  try {
    socket.request({
      type: RTM_DELADDR,
      header: addressHeader(index, prefix),
      attributes: [[IFA_LOCAL, addressBytes(prefix.address)]],
      name: 'RTM_DELADDR',
      args: [`index=${index}`, formatPrefix(prefix)],
    })
    return true
  } catch (error) {
    if (isErrno(error, 'EADDRNOTAVAIL', 'ENODEV')) return false
    throw error
  }
}

export const listAddresses = (socket: NetlinkSocket): LinkAddress[] =>
  socket
    .request({ type: RTM_GETADDR, flags: NLM_F_DUMP, header: Buffer.alloc(IFADDRMSG.size), name: 'RTM_GETADDR' })
    .flatMap(({ body }) => {
      const attributes = attributesOf(body, IFADDRMSG.size)
      const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
      if (bytes === undefined) return []
      const prefix = { address: addressOfBytes(bytes), length: body.readUInt8(IFADDRMSG.ifa_prefixlen) }
      return [{ index: body.readUInt32LE(IFADDRMSG.ifa_index), prefix }]
    })

const routeRequest = (type: number, flags: number, name: string, { destination, gateway, link, source }: Route) => {
  const family = (destination?.address ?? gateway ?? source)?.family ?? 4
  const header = Buffer.alloc(RTMSG.size)
  header.writeUInt8(familyOf({ family }), RTMSG.rtm_family)
  header.writeUInt8(destination?.length ?? 0, RTMSG.rtm_dst_len)
  header.writeUInt8(RT_TABLE_MAIN, RTMSG.rtm_table)
  header.writeUInt8(RTPROT_STATIC, RTMSG.rtm_protocol)
  header.writeUInt8(gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, RTMSG.rtm_scope)
  header.writeUInt8(RTN_UNICAST, RTMSG.rtm_type)
  const attributes: Attribute[] = [
    ...(destination === undefined ? [] : [[RTA_DST, addressBytes(networkOf(destination).address)] as const]),
    ...(gateway === undefined ? [] : [[RTA_GATEWAY, addressBytes(gateway)] as const]),
    ...(link === undefined ? [] : [[RTA_OIF, u32(link)] as const]),
    ...(source === undefined ? [] : [[RTA_PREFSRC, addressBytes(source)] as const]),
  ]
  const args = [
    destination === undefined ? 'default' : formatPrefix(destination),
    ...(gateway === undefined ? [] : [`via=${formatAddress(gateway)}`]),
    ...(link === undefined ? [] : [`index=${link}`]),
  ]
  return { type, flags, header, attributes, name, args }
}

/** EEXIST where there is one to the same destination. */
export const addRoute = (socket: NetlinkSocket, route: Route): void => {
  socket.request(routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, 'RTM_NEWROUTE', route))
}

/** False where there is none such. */
export const deleteRoute = (socket: NetlinkSocket, route: Route): boolean => {
  try {
    socket.request(routeRequest(RTM_DELROUTE, 0, 'RTM_DELROUTE', route))
    return true
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false
    throw error
  }
}

/** Of the main table. */
export const listRoutes = (socket: NetlinkSocket): Route[] =>
  socket
    .request({ type: RTM_GETROUTE, flags: NLM_F_DUMP, header: Buffer.alloc(RTMSG.size), name: 'RTM_GETROUTE' })
    .filter(({ body }) => body.readUInt8(RTMSG.rtm_table) === RT_TABLE_MAIN)
    .flatMap(({ body }): Route[] => {
      const family = body.readUInt8(RTMSG.rtm_family)
      if (family !== AF_INET && family !== AF_INET6) return []
      const attributes = attributesOf(body, RTMSG.size)
      const address = (type: number): Address | undefined => {
        const bytes = attributes.get(type)
        return bytes === undefined ? undefined : addressOfBytes(bytes)
      }
      const [destination, gateway, source] = [address(RTA_DST), address(RTA_GATEWAY), address(RTA_PREFSRC)]
      const link = attributes.get(RTA_OIF)?.readUInt32LE()
      return [
        {
          ...(destination === undefined ? {} : { destination: { address: destination, length: body.readUInt8(RTMSG.rtm_dst_len) } }),
          ...(gateway === undefined ? {} : { gateway }),
          ...(source === undefined ? {} : { source }),
          ...(link === undefined ? {} : { link }),
        },
      ]
    })
