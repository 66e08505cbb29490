/** Internet sockets: linux/in.h, linux/in6.h, linux/tcp.h; ip(7), ipv6(7). */

export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_IPV6 = 41
export const IPPROTO_SCTP = 132
export const IPV6_V6ONLY = 26

/** Ports and addresses are in network byte order. */
export const SOCKADDR_IN = { sin_family: 0, sin_port: 2, sin_addr: 4, size: 16 } as const
export const SOCKADDR_IN6 = { sin6_family: 0, sin6_port: 2, sin6_flowinfo: 4, sin6_addr: 8, sin6_scope_id: 24, size: 28 } as const
