/**
 * Connections to localhost of another network namespace. A socket stays in the namespace that it was made in, so this thread is there for no
 * longer than socket(2) takes: no process is started, and nobody else notices.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { WherryError } from '../../runtime/errors.ts'
import { parseAddress } from '../../runtime/network/address.ts'
import { socketAddress } from '../../runtime/network/hold.ts'
import { sleep } from '../../runtime/sleep.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { POLLOUT } from '../../runtime/sys/abi/poll.ts'
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../../runtime/sys/abi/socket.ts'
import { isErrno, SyscallError } from '../../runtime/sys/error.ts'
import { inNetworkNamespace } from '../../runtime/sys/netlink.ts'
import { pollAll } from '../../runtime/sys/poll.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'

/** Milliseconds that a listener may take to accept: one whose queue is full does not answer. */
const PATIENCE = 30_000
const LONGEST_PAUSE = 50

const LOCALHOST = [
  { family: AF_INET, address: parseAddress('127.0.0.1') },
  { family: AF_INET6, address: parseAddress('::1') },
] as const

/** Whether it is connected. Throws SyscallError where it is refused. */
const isConnected = (fd: number, address: Buffer, shown: string): boolean => {
  if (pollAll([{ fd, events: POLLOUT }], 0)[0] === 0) return false
  // a second connect tells how the first one ended
  const result = trySyscall('connect', fd, address, address.length)
  if (result < 0 && result !== -ERRNO.EISCONN) throw new SyscallError('connect', -result, { args: [shown] })
  return true
}

const connectTo = async (fd: number, address: Buffer, shown: string, signal: AbortSignal): Promise<void> => {
  const result = trySyscall('connect', fd, address, address.length)
  if (result === 0) return
  if (result !== -ERRNO.EINPROGRESS && result !== -ERRNO.EINTR) throw new SyscallError('connect', -result, { args: [shown] })
  // on loopback it is decided already, but for a listener whose queue is full
  const until = performance.now() + PATIENCE
  for (let pause = 1; !isConnected(fd, address, shown); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    if (performance.now() > until) throw new WherryError('deadline-exceeded', `connect ${shown}: nobody accepts connections there`)
    await sleep(pause)
    signal.throwIfAborted()
  }
}

const tryFamily = async (
  namespace: string | undefined,
  { family, address }: (typeof LOCALHOST)[number],
  port: number,
  signal: AbortSignal,
): Promise<number> => {
  const open = (): number => syscall('socket', [family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0])
  let fd: number
  if (namespace === undefined) fd = open()
  else {
    const there = openSync(namespace, constants.O_RDONLY)
    try {
      fd = inNetworkNamespace(there, open)
    } finally {
      closeSync(there)
    }
  }
  try {
    await connectTo(fd, socketAddress(address, port), family === AF_INET ? `127.0.0.1:${port}` : `[::1]:${port}`, signal)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * IPv4, then IPv6: a server may listen on one of them only. Throws `unavailable` where nobody listens on either.
 * @param namespace path of a network namespace; undefined: ours
 */
export const connectLocalhost = async (namespace: string | undefined, port: number, signal: AbortSignal): Promise<Socket> => {
  const problems: string[] = []
  for (const local of LOCALHOST) {
    signal.throwIfAborted()
    try {
      return new Socket({ fd: await tryFamily(namespace, local, port, signal), readable: true, writable: true, allowHalfOpen: true })
    } catch (error) {
      // EAFNOSUPPORT, EADDRNOTAVAIL: there is no IPv6 there
      if (!(error instanceof SyscallError) || isErrno(error, 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EPERM')) throw error
      problems.push(error.message)
    }
  }
  throw new WherryError('unavailable', `nobody listens on port ${port} of the pod’s localhost: ${problems.join('; ')}`)
}
