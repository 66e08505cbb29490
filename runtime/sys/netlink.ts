/** Requests to the kernel over netlink sockets: netlink(7). Answers come at once, so calls block. */
import { closeSync, openSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { ERRNO } from './abi/errno.ts'
import {
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  NLA_F_NESTED,
  NLA_TYPE_MASK,
  NLATTR,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_OVERRUN,
  NLMSGERR,
  NLMSGERR_ATTR_MSG,
  NLMSGHDR,
  SOL_NETLINK,
} from './abi/netlink.ts'
import { CLONE_NEWNET } from './abi/sched.ts'
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, SO_RCVTIMEO } from './abi/socket.ts'
import { TIMEVAL } from './abi/time.ts'
import { SyscallError } from './error.ts'
import { syscall, trySyscall } from './syscall.ts'

/** An attribute: its bytes, or the attributes nested in it. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]]

/** A message of an answer: its fixed part and attributes, to be read by `attributesOf`. */
export interface NetlinkMessage {
  readonly type: number
  readonly body: Buffer
}

export interface Request {
  readonly type: number
  /** NLM_F_* besides REQUEST and ACK. */
  readonly flags?: number
  /** The fixed part: struct ifinfomsg … */
  readonly header: Uint8Array
  readonly attributes?: readonly Attribute[]
  /** For error messages: `RTM_NEWLINK` and what it is about. */
  readonly name: string
  readonly args?: readonly string[]
}

/** NLMSG_ALIGN, NLA_ALIGN. */
const align = (length: number): number => (length + 3) & ~3

export const encodeAttribute = ([type, value]: Attribute): Buffer => {
  const nested = !(value instanceof Uint8Array)
  const payload = nested ? Buffer.concat(value.map(encodeAttribute)) : value
  const length = NLATTR.size + payload.length
  if (length > 0xffff) throw new TypeError(`a netlink attribute of ${length} bytes`)
  const bytes = Buffer.alloc(align(length))
  bytes.writeUInt16LE(length, NLATTR.nla_len)
  bytes.writeUInt16LE(nested ? type | NLA_F_NESTED : type, NLATTR.nla_type)
  bytes.set(payload, NLATTR.size)
  return bytes
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** A NUL-terminated string. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`)

/** Attributes by type, from `offset` of `body` on; of several with one type the last. */
export const attributesOf = (body: Buffer, offset: number): Map<number, Buffer> => {
  const found = new Map<number, Buffer>()
  for (let at = align(offset); at + NLATTR.size <= body.length; ) {
    const length = body.readUInt16LE(at + NLATTR.nla_len)
    if (length < NLATTR.size || at + length > body.length) break
    found.set(body.readUInt16LE(at + NLATTR.nla_type) & NLA_TYPE_MASK, body.subarray(at + NLATTR.size, at + length))
    at += align(length)
  }
  return found
}

/** Without the NUL. */
export const textOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '' : Buffer.from(bytes).toString().replace(/\0.*$/s, '')

/**
 * Runs `work` with this thread in another network namespace; `work` must not be asynchronous, nor use libuv’s pool for the first
 * time: threads that are made inside would stay there. If there is no way back, nothing may go on: the process is aborted.
 */
export const inNetworkNamespace = <T>(fd: number, work: () => T): T => {
  const own = openSync('/proc/thread-self/ns/net', 'r')
  try {
    syscall('setns', [fd, CLONE_NEWNET], { args: [`fd=${fd}`, 'CLONE_NEWNET'] })
    try {
      return work()
    } finally {
      if (trySyscall('setns', own, CLONE_NEWNET) < 0) process.abort()
    }
  } finally {
    closeSync(own)
  }
}

const RECEIVED = 64 * 1024
/** The kernel answers during sendto; only a lost answer is waited for. */
const PATIENCE_SECONDS = 10

const option = (fd: number, level: number, name: number, value: Uint8Array): number =>
  trySyscall('setsockopt', fd, level, name, value, value.length)

export class NetlinkSocket {
  readonly #fd: number
  #sequence = 0

  /** Of this thread’s network namespace, or of the one that the descriptor is of. */
  constructor(namespace?: number) {
    const open = (): number => syscall('socket', [AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE])
    this.#fd = namespace === undefined ? open() : inNetworkNamespace(namespace, open)
    // older kernels than ours of 6.1 lack these; without them errors are told less well, and dumps filter less
    option(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1))
    option(this.#fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, u32(1))
    const patience = Buffer.alloc(TIMEVAL.size)
    patience.writeBigInt64LE(BigInt(PATIENCE_SECONDS), TIMEVAL.tv_sec)
    option(this.#fd, SOL_SOCKET, SO_RCVTIMEO, patience)
  }

  close(): void {
    closeSync(this.#fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** What the kernel answers before its acknowledgement. Throws SyscallError named after the request, with the kernel’s own words as the hint. */
  request(request: Request): NetlinkMessage[] {
    for (;;) {
      const answer = this.#once(request)
      if (answer !== undefined) return answer
    }
  }

  /** undefined: the table changed while it was dumped, and has to be asked for again. */
  #once(request: Request): NetlinkMessage[] | undefined {
    this.#sequence += 1
    this.#send(request, this.#sequence)
    const messages: NetlinkMessage[] = []
    let interrupted = false
    const buffer = Buffer.allocUnsafe(RECEIVED)
    for (;;) {
      const length = syscall('recvfrom', [this.#fd, buffer, RECEIVED, 0, 0, 0], { args: [request.name, ...(request.args ?? [])] })
      for (let at = 0; at + NLMSGHDR.size <= length; ) {
        const size = buffer.readUInt32LE(at + NLMSGHDR.nlmsg_len)
        if (size < NLMSGHDR.size || at + size > length) throw new WherryError('internal', `${request.name}: a broken netlink message`)
        const type = buffer.readUInt16LE(at + NLMSGHDR.nlmsg_type)
        const flags = buffer.readUInt16LE(at + NLMSGHDR.nlmsg_flags)
        const body = buffer.subarray(at + NLMSGHDR.size, at + size)
        const ours = buffer.readUInt32LE(at + NLMSGHDR.nlmsg_seq) === this.#sequence
        at += align(size)
        if (!ours) continue // of a request that ended by an error
        if ((flags & NLM_F_DUMP_INTR) !== 0) interrupted = true
        if (type === NLMSG_OVERRUN) throw new WherryError('internal', `${request.name}: netlink messages were lost`)
        if (type === NLMSG_ERROR) failIfError(request, body, flags)
        if (type === NLMSG_ERROR || type === NLMSG_DONE) return interrupted ? undefined : messages
        messages.push({ type, body: Buffer.from(body) })
        // a single answer comes before its acknowledgement; parts of a dump end with NLMSG_DONE
        if ((flags & NLM_F_MULTI) === 0 && ((request.flags ?? 0) & NLM_F_DUMP) === NLM_F_DUMP) return messages
      }
    }
  }

  #send({ type, flags = 0, header, attributes = [], name, args = [] }: Request, sequence: number): void {
    const dump = (flags & NLM_F_DUMP) === NLM_F_DUMP
    const parts = [Buffer.alloc(NLMSGHDR.size), padded(header), ...attributes.map(encodeAttribute)]
    const message = Buffer.concat(parts)
    message.writeUInt32LE(message.length, NLMSGHDR.nlmsg_len)
    message.writeUInt16LE(type, NLMSGHDR.nlmsg_type)
    message.writeUInt16LE(flags | NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK), NLMSGHDR.nlmsg_flags)
    message.writeUInt32LE(sequence, NLMSGHDR.nlmsg_seq)
    syscall('sendto', [this.#fd, message, message.length, 0, 0, 0], { args: [name, ...args] })
  }
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(align(bytes.length) - bytes.length)])

const failIfError = ({ name, args = [] }: Request, body: Buffer, flags: number): void => {
  const error = -body.readInt32LE(NLMSGERR.error)
  if (error === 0) return
  let hint: string | undefined
  if ((flags & NLM_F_ACK_TLVS) !== 0) {
    // the request’s own header is echoed, and its payload too unless the message is capped
    const echoed = (flags & NLM_F_CAPPED) !== 0 ? NLMSGHDR.size : body.readUInt32LE(NLMSGERR.msg + NLMSGHDR.nlmsg_len)
    hint = textOf(attributesOf(body, NLMSGERR.msg + echoed).get(NLMSGERR_ATTR_MSG)) || undefined
  }
  if (error === ERRNO.EPERM) hint ??= 'CAP_NET_ADMIN is needed in the user namespace that owns the network namespace'
  throw new SyscallError(name, error, { args, ...(hint === undefined ? {} : { hint }) })
}
