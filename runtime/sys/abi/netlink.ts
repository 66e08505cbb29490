/** Netlink: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/veth.h, linux/if.h; netlink(7), rtnetlink(7). */

export const NETLINK_ROUTE = 0

export const NLM_F_REQUEST = 0x1
export const NLM_F_MULTI = 0x2
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_ROOT = 0x100
export const NLM_F_MATCH = 0x200
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const NLMSG_OVERRUN = 4

export const NLMSGERR_ATTR_MSG = 1
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12
export const SOL_NETLINK = 270

export const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26

export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_LINK = 5
export const IFLA_MASTER = 10
export const IFLA_LINKINFO = 18
export const IFLA_NET_NS_PID = 19
export const IFLA_STATS64 = 23
export const IFLA_NET_NS_FD = 28
export const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
export const IFLA_INFO_SLAVE_KIND = 4
export const IFLA_INFO_SLAVE_DATA = 5
export const IFLA_BRPORT_MODE = 4
export const VETH_INFO_PEER = 1

export const IFA_ADDRESS = 1
export const IFA_LOCAL = 2
export const IFA_BROADCAST = 4
export const IFA_FLAGS = 8
export const IFA_F_NODAD = 0x2
export const IFA_F_PERMANENT = 0x80

export const RTA_DST = 1
export const RTA_OIF = 4
export const RTA_GATEWAY = 5
export const RTA_PRIORITY = 6
export const RTA_PREFSRC = 7
export const RTA_TABLE = 15

export const RT_TABLE_MAIN = 254
export const RTPROT_KERNEL = 2
export const RTPROT_STATIC = 4
export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_HOST = 254
export const RTN_UNICAST = 1

export const IFF_UP = 0x1
export const IFF_LOOPBACK = 0x8
export const IFF_RUNNING = 0x40
export const IFF_LOWER_UP = 0x10000
/** Bytes of an interface’s name with its NUL. */
export const IFNAMSIZ = 16

export const NLMSGHDR = { nlmsg_len: 0, nlmsg_type: 4, nlmsg_flags: 6, nlmsg_seq: 8, nlmsg_pid: 12, size: 16 } as const
export const NLATTR = { nla_len: 0, nla_type: 2, size: 4 } as const
export const NLMSGERR = { error: 0, msg: 4, size: 20 } as const
export const IFINFOMSG = { ifi_family: 0, ifi_type: 2, ifi_index: 4, ifi_flags: 8, ifi_change: 12, size: 16 } as const
export const IFADDRMSG = { ifa_family: 0, ifa_prefixlen: 1, ifa_flags: 2, ifa_scope: 3, ifa_index: 4, size: 8 } as const
export const RTMSG = {
  rtm_family: 0,
  rtm_dst_len: 1,
  rtm_src_len: 2,
  rtm_tos: 3,
  rtm_table: 4,
  rtm_protocol: 5,
  rtm_scope: 6,
  rtm_type: 7,
  rtm_flags: 8,
  size: 12,
} as const
/** struct rtnl_link_stats64: 64-bit counters, the first eight of them. */
export const RTNL_LINK_STATS64 = {
  rx_packets: 0,
  tx_packets: 8,
  rx_bytes: 16,
  tx_bytes: 24,
  rx_errors: 32,
  tx_errors: 40,
  rx_dropped: 48,
  tx_dropped: 56,
} as const
