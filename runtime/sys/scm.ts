/** Descriptors over unix sockets: sendmsg(2), recvmsg(2), cmsg(3), unix(7). All descriptors made here are close-on-exec. */
import { closeSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { ERRNO } from './abi/errno.ts'
import { POLLIN, POLLOUT } from './abi/poll.ts'
import {
  CMSGHDR,
  IOVEC,
  MSGHDR,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SCM_MAX_FD,
  SCM_RIGHTS,
  SOL_SOCKET,
} from './abi/socket.ts'
import { SyscallError } from './error.ts'
import { koffi } from './koffi.ts'
import { type Patience, deadlineOf, waitReady } from './poll.ts'
import { trySyscall } from './syscall.ts'

const align = (length: number): number => (length + 7) & ~7
/** CMSG_SPACE of `count` descriptors. */
const controlSpace = (count: number): number => (count === 0 ? 0 : CMSGHDR.size + align(count * 4))

interface Message {
  /** One piece of memory with all parts, so that none can go before the call is back. */
  readonly bytes: Buffer
  readonly control: number
  readonly payload: number
}

/** A msghdr with one iovec, room for control data and for the payload. */
const message = (controlLength: number, payloadLength: number): Message => {
  const iov = MSGHDR.size
  const control = iov + IOVEC.size
  const payload = control + controlLength
  const bytes = Buffer.alloc(payload + payloadLength)
  const base = koffi.address(bytes)
  const at = (offset: number): bigint => BigInt(base) + BigInt(offset)
  bytes.writeBigUInt64LE(at(iov), MSGHDR.msg_iov)
  bytes.writeBigUInt64LE(1n, MSGHDR.msg_iovlen)
  bytes.writeBigUInt64LE(controlLength === 0 ? 0n : at(control), MSGHDR.msg_control)
  bytes.writeBigUInt64LE(BigInt(controlLength), MSGHDR.msg_controllen)
  bytes.writeBigUInt64LE(at(payload), iov + IOVEC.iov_base)
  bytes.writeBigUInt64LE(BigInt(payloadLength), iov + IOVEC.iov_len)
  return { bytes, control, payload }
}

/** One attempt that never blocks: a result of sendmsg, 0 for «not yet». */
const trySend = (socket: number, fds: readonly number[], payload: Uint8Array): number => {
  const { bytes, control, payload: at } = message(controlSpace(fds.length), payload.length)
  if (fds.length > 0) {
    bytes.writeBigUInt64LE(BigInt(CMSGHDR.size + fds.length * 4), control + CMSGHDR.cmsg_len)
    bytes.writeInt32LE(SOL_SOCKET, control + CMSGHDR.cmsg_level)
    bytes.writeInt32LE(SCM_RIGHTS, control + CMSGHDR.cmsg_type)
    for (const [index, fd] of fds.entries()) bytes.writeInt32LE(fd, control + CMSGHDR.size + index * 4)
  }
  bytes.set(payload, at)
  const sent = trySyscall('sendmsg', socket, bytes, MSG_NOSIGNAL | MSG_DONTWAIT)
  if (sent >= 0) return sent
  if (sent === -ERRNO.EAGAIN || sent === -ERRNO.EINTR) return 0
  throw new SyscallError('sendmsg', -sent, { args: [`fd=${socket}`, `fds=[${fds.join(', ')}]`, `length=${payload.length}`] })
}

/**
 * Sends `payload`, at least one byte, with copies of `fds` (at most 253); the caller keeps its own. On a stream the whole
 * payload is sent and the descriptors go with its first byte. Throws SyscallError, or WherryError 'deadline-exceeded'.
 */
export const sendFds = (socket: number, fds: readonly number[], payload: Uint8Array, patience: Patience = {}): void => {
  if (payload.length === 0) throw new TypeError('descriptors travel with at least one byte')
  if (fds.length > SCM_MAX_FD) throw new TypeError(`${fds.length} descriptors in one message: at most ${SCM_MAX_FD} fit`)
  const deadline = deadlineOf(patience)
  for (let done = 0; done < payload.length; ) {
    const sent = trySend(socket, done === 0 ? fds : [], payload.subarray(done))
    if (sent === 0) waitReady(socket, POLLOUT, deadline, `sendmsg fd=${socket}`)
    done += sent
  }
}

export interface Received {
  /** Empty at the end of the stream. */
  readonly payload: Uint8Array
  /** Close-on-exec; the caller's to close. */
  readonly fds: readonly number[]
}

export interface ReceiveOptions extends Patience {
  /** Most descriptors that are taken, default 16. More are an error, and none is kept. */
  readonly maxFds?: number
  /** Most bytes of payload, default 65536; a longer datagram is an error, the rest of a stream stays for the next call. */
  readonly maxPayload?: number
}

/** The descriptors of all SCM_RIGHTS messages within control data. */
const rights = (control: Buffer): number[] => {
  const fds: number[] = []
  for (let at = 0; at + CMSGHDR.size <= control.length; ) {
    const length = Number(control.readBigUInt64LE(at + CMSGHDR.cmsg_len))
    if (length < CMSGHDR.size) break
    const isRights =
      control.readInt32LE(at + CMSGHDR.cmsg_level) === SOL_SOCKET && control.readInt32LE(at + CMSGHDR.cmsg_type) === SCM_RIGHTS
    const end = Math.min(at + length, control.length)
    if (isRights) for (let fd = at + CMSGHDR.size; fd + 4 <= end; fd += 4) fds.push(control.readInt32LE(fd))
    at += align(length)
  }
  return fds
}

/** Takes one message. Throws SyscallError, WherryError 'deadline-exceeded', or 'invalid-argument' for more than was to be taken. */
export const receiveFds = (socket: number, options: ReceiveOptions = {}): Received => {
  const { maxFds = 16, maxPayload = 65536 } = options
  const deadline = deadlineOf(options)
  const { bytes, control, payload } = message(controlSpace(maxFds), maxPayload)
  for (;;) {
    const length = trySyscall('recvmsg', socket, bytes, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)
    if (length === -ERRNO.EAGAIN || length === -ERRNO.EINTR) {
      waitReady(socket, POLLIN, deadline, `recvmsg fd=${socket}`)
      continue
    }
    if (length < 0) throw new SyscallError('recvmsg', -length, { args: [`fd=${socket}`] })
    const controlLength = Number(bytes.readBigUInt64LE(MSGHDR.msg_controllen))
    const fds = rights(bytes.subarray(control, control + controlLength))
    const flags = bytes.readInt32LE(MSGHDR.msg_flags)
    // The room for control data is rounded up, so one more descriptor than asked for may fit.
    if ((flags & (MSG_CTRUNC | MSG_TRUNC)) !== 0 || fds.length > maxFds) {
      for (const fd of fds) closeSync(fd)
      const most = `at most ${maxFds} descriptors and ${maxPayload} bytes were to be taken`
      throw new WherryError(
        'invalid-argument',
        `a message on the unix socket fd=${socket} is too large, or RLIMIT_NOFILE is reached: ${most}`,
      )
    }
    return { payload: new Uint8Array(bytes.subarray(payload, payload + length)), fds }
  }
}
