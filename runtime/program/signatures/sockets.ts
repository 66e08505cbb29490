/** Sockets: socket(2), sendmsg(2), cmsg(3), unix(7), netlink(7). */
import * as socket from '../../sys/abi/socket.ts'
import { AF_NETLINK, AF_UNIX, CMSGHDR, MSGHDR, SCM_MAX_FD, SCM_RIGHTS, SOCKADDR_UN } from '../../sys/abi/socket.ts'
import { Ref } from '../operand.ts'
import { combine, enumeration, flags, flagsText, pick } from './constants.ts'
import { constant, fd, int, type Kind, out, outOf, type Signature, pointer, scalar, type Scope, size, type Value } from './kind.ts'
import { layout } from './struct.ts'
import { data, quote, toInt } from './text.ts'
import { IOVECS, vectorText } from './vectors.ts'

const family = enumeration(pick(socket, /^AF_/))
const TYPES = enumeration(pick(socket, /^SOCK_(?!NONBLOCK|CLOEXEC)/))
const TYPE_FLAGS = pick(socket, /^SOCK_(NONBLOCK|CLOEXEC)$/)
const type: Kind = scalar((value, scope) => combine(TYPES(value & 0xfn, scope), flagsText(value & ~0xfn, TYPE_FLAGS, scope)))
const LEVELS = enumeration(pick(socket, /^SOL_/))
const CONTROL = enumeration(pick(socket, /^SCM_(?!MAX)/))
const messageFlags = flags(pick(socket, /^MSG_/))

/** A unix address by its path, `@` for the NUL of an abstract one. */
const addressText = (at: Ref, length: Value | undefined, scope: Scope): string => {
  const bytes = scope.memory.bytes(at)
  if (bytes === undefined || bytes.length < 2) return scope.memory.address(at)
  const number = bytes[0]! | (bytes[1]! << 8)
  if (number === AF_UNIX) {
    const path = Buffer.from(bytes.subarray(SOCKADDR_UN.sun_path, constant(length) ?? bytes.length)).toString()
    const name = path.startsWith('\0') ? `@${path.slice(1)}` : path.replace(/\0.*$/s, '')
    return `{sa_family=AF_UNIX, sun_path=${quote(name)}}`
  }
  if (number === AF_NETLINK && bytes.length >= 12) {
    const view = Buffer.from(bytes)
    return `{sa_family=AF_NETLINK, nl_pid=${view.readUInt32LE(4)}, nl_groups=${view.readUInt32LE(8)}}`
  }
  return `{sa_family=${family(BigInt(number), scope)}}`
}

/** A socket address whose length is another argument. */
const sockaddr = (lengthArgument: number): Kind => pointer((at, scope) => addressText(at, scope.args[lengthArgument], scope))

/** One control message: descriptors by number, anything else by its length. */
const controlText = (at: Ref, scope: Scope): string => {
  const { memory } = scope
  const length = constant(memory.read(at.plus(CMSGHDR.cmsg_len), 8)) ?? 0
  const kind = memory.read(at.plus(CMSGHDR.cmsg_type), 4)
  const head = `cmsg_level=${LEVELS(memory.read(at.plus(CMSGHDR.cmsg_level), 4), scope)}, cmsg_type=${CONTROL(kind, scope)}`
  if (constant(kind) !== SCM_RIGHTS) return `{${head}, cmsg_len=${length}}`
  const count = Math.min(SCM_MAX_FD, Math.max(0, Math.floor((length - CMSGHDR.size) / 4)))
  const fds = Array.from({ length: count }, (_, index) => fd(memory.read(at.plus(CMSGHDR.size + 4 * index), 4), scope))
  return `{${head}, cmsg_data=[${fds.join(', ')}]}`
}

/** What the places of a message are called where ops fill them in. */
const MESSAGE = layout([
  ['msg_name', MSGHDR.msg_name, 8, out],
  ['msg_namelen', MSGHDR.msg_namelen, 4, size],
  ['msg_iov', MSGHDR.msg_iov, 8, outOf(IOVECS)],
  ['msg_iovlen', MSGHDR.msg_iovlen, 8, size],
  [
    'msg_control',
    MSGHDR.msg_control,
    8,
    outOf(
      layout([
        ['cmsg_len', CMSGHDR.cmsg_len, 8, size],
        ['cmsg_level', CMSGHDR.cmsg_level, 4, LEVELS],
        ['cmsg_type', CMSGHDR.cmsg_type, 4, CONTROL],
        ['cmsg_data', CMSGHDR.size, 4, int],
      ]),
    ),
  ],
  ['msg_controllen', MSGHDR.msg_controllen, 8, size],
  ['msg_flags', MSGHDR.msg_flags, 4, messageFlags],
])

const message = (received: boolean): Kind => Object.assign(messageText(received), { layout: () => MESSAGE })

const messageText = (received: boolean): Kind =>
  pointer((at, scope) => {
    const { memory } = scope
    const read = (offset: number, width: number) => memory.read(at.plus(offset), width)
    const name = read(MSGHDR.msg_name, 8)
    const vectors = read(MSGHDR.msg_iov, 8)
    const control = read(MSGHDR.msg_control, 8)
    const fields = [
      ...(name instanceof Ref ? [`msg_name=${addressText(name, read(MSGHDR.msg_namelen, 4), scope)}`] : []),
      ...(vectors instanceof Ref ? [`msg_iov=${vectorText(vectors, constant(read(MSGHDR.msg_iovlen, 8)) ?? 1, scope)}`] : []),
      ...(control instanceof Ref ? [`msg_control=${received ? memory.address(control) : `[${controlText(control, scope)}]`}`] : []),
      ...(control instanceof Ref ? [`msg_controllen=${size(read(MSGHDR.msg_controllen, 8), scope)}`] : []),
    ]
    return `{${fields.join(', ')}}`
  })

const option: Signature = { sockfd: fd, level: LEVELS, optname: enumeration(pick(socket, /^SO_/)) }

export const SOCKETS = {
  socket: { domain: family, type, protocol: int },
  socketpair: { domain: family, type, protocol: int, sv: out },
  bind: { sockfd: fd, addr: sockaddr(2), addrlen: size },
  connect: { sockfd: fd, addr: sockaddr(2), addrlen: size },
  listen: { sockfd: fd, backlog: int },
  accept: { sockfd: fd, addr: out, addrlen: toInt },
  accept4: { sockfd: fd, addr: out, addrlen: toInt, flags: flags(TYPE_FLAGS) },
  getsockname: { sockfd: fd, addr: out, addrlen: toInt },
  getpeername: { sockfd: fd, addr: out, addrlen: toInt },
  sendto: { sockfd: fd, buf: data(2), size, flags: messageFlags, dest_addr: sockaddr(5), addrlen: size },
  recvfrom: { sockfd: fd, buf: out, size, flags: messageFlags, src_addr: out, addrlen: toInt },
  sendmsg: { sockfd: fd, msg: message(false), flags: messageFlags },
  recvmsg: { sockfd: fd, msg: message(true), flags: messageFlags },
  shutdown: { sockfd: fd, how: enumeration(pick(socket, /^SHUT_/)) },
  setsockopt: { ...option, optval: toInt, optlen: size },
  getsockopt: { ...option, optval: out, optlen: toInt },
} as const satisfies Readonly<Record<string, Signature>>
