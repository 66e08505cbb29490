/** Published ports are held by sockets of the host, so that a second claimant, a container or not, is refused: bind(2), listen(2). */
import { closeSync } from 'node:fs'
import { ERRNO } from '../sys/abi/errno.ts'
import { IPPROTO_IPV6, IPPROTO_SCTP, IPV6_V6ONLY, SOCKADDR_IN, SOCKADDR_IN6 } from '../sys/abi/inet.ts'
import {
  AF_INET,
  AF_INET6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  SO_REUSEADDR,
} from '../sys/abi/socket.ts'
import { SyscallError } from '../sys/error.ts'
import { inNetworkNamespace, u32 } from '../sys/netlink.ts'
import { syscall, trySyscall } from '../sys/syscall.ts'
import { WherryError } from '../errors.ts'
import { type Address, addressBytes, formatAddress, parseAddress } from './address.ts'
import type { PublishedPort } from './attachments.ts'

export interface HeldPort {
  /** Close-on-exec. */
  readonly fd: number
  readonly protocol: PublishedPort['protocol']
  readonly host: Address
  readonly hostPort: number
  /** Inside the container. */
  readonly port: number
}

/** struct sockaddr_in or sockaddr_in6. */
export const socketAddress = (address: Address, port: number): Buffer => {
  const four = address.family === 4
  const bytes = Buffer.alloc(four ? SOCKADDR_IN.size : SOCKADDR_IN6.size)
  bytes.writeUInt16LE(four ? AF_INET : AF_INET6, SOCKADDR_IN.sin_family)
  bytes.writeUInt16BE(port, SOCKADDR_IN.sin_port)
  bytes.set(addressBytes(address), four ? SOCKADDR_IN.sin_addr : SOCKADDR_IN6.sin6_addr)
  return bytes
}

const named = (address: Address, port: number, protocol: string): string =>
  `${address.family === 6 ? `[${formatAddress(address)}]` : formatAddress(address)}:${port}/${protocol}`

const hold = (protocol: PublishedPort['protocol'], address: Address, port: number): number => {
  const family = address.family === 4 ? AF_INET : AF_INET6
  const type = protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM
  const fd = syscall('socket', [family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol === 'sctp' ? IPPROTO_SCTP : 0], {
    args: [named(address, port, protocol)],
  })
  try {
    if (family === AF_INET6) syscall('setsockopt', [fd, IPPROTO_IPV6, IPV6_V6ONLY, u32(1), 4])
    // connections that ended a moment ago still have the port; one that listens is refused all the same
    if (protocol !== 'udp') syscall('setsockopt', [fd, SOL_SOCKET, SO_REUSEADDR, u32(1), 4])
    const bytes = socketAddress(address, port)
    const bound = trySyscall('bind', fd, bytes, bytes.length)
    const result = bound < 0 || protocol === 'udp' ? bound : trySyscall('listen', fd, SOMAXCONN)
    if (result === -ERRNO.EADDRINUSE)
      throw new WherryError(
        'already-exists',
        `port ${named(address, port, protocol)} is in use on this host: publish another, or stop who has it (ss -lp 'sport = :${port}')`,
      )
    if (result === -ERRNO.EADDRNOTAVAIL)
      throw new WherryError(
        'invalid-argument',
        `cannot publish ${named(address, port, protocol)}: this host has no address ${formatAddress(address)}`,
      )
    if (result === -ERRNO.EACCES)
      throw new WherryError(
        'permission-denied',
        `cannot publish ${named(address, port, protocol)}: ports below net.ipv4.ip_unprivileged_port_start are root's`,
      )
    if (result < 0) throw new SyscallError('bind', -result, { args: [named(address, port, protocol)] })
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

const ANY4: Address = { family: 4, value: 0n }
const ANY6: Address = { family: 6, value: 0n }

/**
 * All or none. A port without a host address is held for every address of the families in `families`. Throws `already-exists`
 * naming the port. The caller closes the descriptors; `namespace` is that of the host, this thread’s by default.
 */
export const holdPorts = (ports: readonly PublishedPort[], families: ReadonlySet<4 | 6>, namespace?: number): HeldPort[] => {
  const held: HeldPort[] = []
  try {
    for (const { protocol, host, hostPort, port } of ports) {
      const addresses = host === undefined ? [ANY4, ANY6].filter(({ family }) => families.has(family)) : [parseAddress(host)]
      for (const address of addresses) {
        const open = (): number => hold(protocol, address, hostPort)
        held.push({ fd: namespace === undefined ? open() : inNetworkNamespace(namespace, open), protocol, host: address, hostPort, port })
      }
    }
    return held
  } catch (error) {
    for (const { fd } of held) closeSync(fd)
    throw error
  }
}
