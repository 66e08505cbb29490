/** Unix sockets by path, of any length, or by `\0` and a name in the abstract namespace: unix(7). All descriptors made here are close-on-exec. */
import { closeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { WherryError } from '../errors.ts'
import { ERRNO } from './abi/errno.ts'
import { POLLIN } from './abi/poll.ts'
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from './abi/fcntl.ts'
import {
  AF_UNIX,
  SOCKADDR_UN,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  SO_SNDTIMEO,
  UNIX_PATH_MAX,
} from './abi/socket.ts'
import { TIMEVAL } from './abi/time.ts'
import { SyscallError } from './error.ts'
import { type Patience, deadlineOf, waitReady } from './poll.ts'
import { ARCH, syscall, trySyscall } from './syscall.ts'

export interface SocketOptions extends Patience {
  /** SOCK_STREAM (default), SOCK_SEQPACKET or SOCK_DGRAM. */
  readonly type?: number
}

/** As people write it. */
const shown = (path: string): string => path.replace(/^\0/, '@')

/** struct sockaddr_un; undefined where the path with its NUL is too long for one. */
const address = (path: string): Uint8Array | undefined => {
  const abstract = path.startsWith('\0')
  if (path === '' || path === '\0' || path.includes('\0', 1)) throw new TypeError(`no name of a unix socket: ${JSON.stringify(path)}`)
  const name = Buffer.from(abstract ? path : `${path}\0`) // all bytes of an abstract name count
  if (abstract && name.length > UNIX_PATH_MAX)
    throw new SyscallError('connect', ERRNO.ENAMETOOLONG, { args: [shown(path)], hint: `a name has at most ${UNIX_PATH_MAX - 1} bytes` })
  if (name.length > UNIX_PATH_MAX) return undefined
  const bytes = Buffer.alloc(SOCKADDR_UN.sun_path + name.length)
  bytes.writeUInt16LE(AF_UNIX, SOCKADDR_UN.sun_family)
  bytes.set(name, SOCKADDR_UN.sun_path)
  return bytes
}

const closing = <T>(fd: number, use: () => T): T => {
  try {
    return use()
  } finally {
    closeSync(fd)
  }
}

/** Calls with the address of the socket at `path`; a long path is opened, and the socket named by its descriptor. */
const withPeer = <T>(path: string, call: (address: Uint8Array) => T): T => {
  const direct = address(path)
  if (direct !== undefined) return call(direct)
  const fd = syscall('openat', [AT_FDCWD, path, O_PATH | O_CLOEXEC, 0])
  return closing(fd, () => call(address(`/proc/self/fd/${fd}`)!))
}

/** Calls with an address for a socket that is yet to be made; of a long path the folder is opened. */
const withNew = <T>(path: string, call: (address: Uint8Array) => T): T => {
  const direct = address(path)
  if (direct !== undefined) return call(direct)
  const fd = syscall('openat', [AT_FDCWD, dirname(path), O_PATH | O_DIRECTORY[ARCH] | O_CLOEXEC, 0])
  return closing(fd, () => {
    const short = address(`/proc/self/fd/${fd}/${basename(path)}`)
    if (short === undefined)
      throw new SyscallError('bind', ERRNO.ENAMETOOLONG, { args: [path], hint: 'the last part of the path is too long for a socket' })
    return call(short)
  })
}

/** Ends a blocking connect with EAGAIN after `timeout` milliseconds; 0 means never. */
const limitConnect = (socket: number, timeout: number): void => {
  const micros = Math.ceil(timeout * 1000)
  const timeval = Buffer.alloc(TIMEVAL.size)
  timeval.writeBigInt64LE(BigInt(Math.floor(micros / 1e6)), TIMEVAL.tv_sec)
  timeval.writeBigInt64LE(BigInt(micros % 1e6), TIMEVAL.tv_usec)
  syscall('setsockopt', [socket, SOL_SOCKET, SO_SNDTIMEO, timeval, timeval.length])
}

/** A new socket after `use` of it; closed again if that throws. */
const newSocket = (type: number, use: (socket: number) => void): number => {
  const socket = syscall('socket', [AF_UNIX, type | SOCK_CLOEXEC, 0])
  try {
    use(socket)
    return socket
  } catch (error) {
    closeSync(socket)
    throw error
  }
}

/**
 * A socket connected to the one that listens at `path`. `timeout` limits the wait where its backlog is full. Throws
 * SyscallError (ENOENT, ECONNREFUSED where nobody listens), or WherryError 'deadline-exceeded'.
 */
export const unixConnect = (path: string, options: SocketOptions = {}): number =>
  newSocket(options.type ?? SOCK_STREAM, (socket) => {
    const { timeout } = options
    if (timeout !== undefined) limitConnect(socket, Math.max(timeout, 0.001))
    const result = withPeer(path, (peer) => {
      for (;;) {
        const connected = trySyscall('connect', socket, peer, peer.length)
        if (connected !== -ERRNO.EINTR) return connected
      }
    })
    if (result === -ERRNO.EAGAIN) throw new WherryError('deadline-exceeded', `connect ${shown(path)}: nobody accepts connections there`)
    if (result < 0) throw new SyscallError('connect', -result, { args: [shown(path)] })
    if (timeout !== undefined) limitConnect(socket, 0)
  })

/**
 * A socket that listens at `path`, which must not exist (EADDRINUSE); whoever may write to it may connect, so its folder
 * should be 0700. A datagram socket is bound only.
 */
export const unixListen = (path: string, { type = SOCK_STREAM }: { readonly type?: number } = {}): number =>
  newSocket(type, (socket) => {
    withNew(path, (own) => syscall('bind', [socket, own, own.length], { args: [shown(path)] }))
    if (type !== SOCK_DGRAM) syscall('listen', [socket, SOMAXCONN], { args: [shown(path)] })
  })

/** The next connection of a listening socket, accept4(2). Throws SyscallError, or WherryError 'deadline-exceeded'. */
export const unixAccept = (listener: number, patience: Patience = {}): number => {
  waitReady(listener, POLLIN, deadlineOf(patience), `accept4 fd=${listener}`)
  return syscall('accept4', [listener, 0, 0, SOCK_CLOEXEC], { args: [`fd=${listener}`] })
}

/** Two connected unix sockets, socketpair(2). `type` is a SOCK_*, default SOCK_STREAM. */
export const socketpair = (type: number = SOCK_STREAM): readonly [number, number] => {
  const pair = Buffer.alloc(8)
  syscall('socketpair', [AF_UNIX, type | SOCK_CLOEXEC, 0, pair])
  return [pair.readInt32LE(0), pair.readInt32LE(4)]
}
