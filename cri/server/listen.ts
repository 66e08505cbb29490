/** The unix socket that clients find the server at: our own, or one that systemd has made for us. */
import { closeSync, lstatSync, mkdirSync, rmSync, type Stats } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { SOMAXCONN } from '../../runtime/sys/abi/socket.ts'
import { isErrno, SyscallError } from '../../runtime/sys/error.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { unixConnect, unixListen } from '../../runtime/sys/unix.ts'

/** Milliseconds that a server may take to accept a connection. */
const PATIENCE = 2000
/** The first descriptor that systemd passes: sd_listen_fds(3). */
const FIRST = 3

const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

/** Throws `already-exists` where somebody answers; what nobody listens at any more is removed. */
const clear = (path: string): void => {
  const found = statOf(path)
  if (found === undefined) return
  if (!found.isSocket()) throw new WherryError('already-exists', `${path} is there and no socket: remove it, or choose another one`)
  try {
    closeSync(unixConnect(path, { timeout: PATIENCE }))
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ECONNREFUSED) {
      rmSync(path, { force: true })
      return
    }
    if (isErrno(error, 'ENOENT')) return
    throw error
  }
  throw new WherryError('already-exists', `somebody answers at ${path}: end that server, or choose another socket`)
}

/** Only its owner may connect, from its first moment on. */
const bind = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  clear(path)
  const before = process.umask(0o177)
  try {
    return unixListen(path)
  } finally {
    process.umask(before)
  }
}

/** Of a socket that systemd passed to this very process; the variables are not for those that we start. sd_listen_fds(3) */
export const takeActivation = (env: NodeJS.ProcessEnv): number | undefined => {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = env
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]
  if (pid !== String(process.pid) || count === undefined || count === '0') return undefined
  if (count !== '1') throw new WherryError('invalid-argument', `LISTEN_FDS=${count}: one socket is wanted: ListenStream= once`)
  return FIRST
}

export interface Listener {
  /** No more connections are taken; the socket is removed if it is still the one that was made here. Idempotent. */
  close(): Promise<void>
}

/** @param passed a descriptor that listens already. Throws `already-exists`, SyscallError. */
export const listen = async (path: string, passed: number | undefined, accept: (connection: Socket) => void): Promise<Listener> => {
  const fd = passed ?? bind(path)
  const made = passed === undefined ? statOf(path) : undefined
  const server: Server = createServer((connection) => {
    // a client that goes away is no error of ours
    connection.on('error', () => connection.destroy())
    accept(connection)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, resolve)
  })
  server.removeAllListeners('error')
  // Node takes 511 for a descriptor, whatever it is told
  syscall('listen', [fd, SOMAXCONN], { args: [path] })
  let closed: Promise<void> | undefined
  return {
    close: () =>
      (closed ??= new Promise((resolve) => {
        const now = made === undefined ? undefined : statOf(path)
        if (now !== undefined && now.ino === made!.ino && now.dev === made!.dev) rmSync(path, { force: true })
        server.close(() => resolve())
      })),
  }
}
