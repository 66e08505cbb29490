/** Waiting for one descriptor, ppoll(2). It blocks this thread: for short exchanges on the parent's side only. */
import { monotonic } from './clock.ts'
import { WherryError } from '../errors.ts'
import { ERRNO } from './abi/errno.ts'
import { POLLFD } from './abi/poll.ts'
import { SIGSET_SIZE } from './abi/signal.ts'
import { TIMESPEC } from './abi/time.ts'
import { SyscallError } from './error.ts'
import { koffi, libc } from './koffi.ts'
import { trySyscall } from './syscall.ts'

const poll = libc.func('poll', 'int', ['uintptr_t', 'uint64_t', 'int'])

export interface Patience {
  /** Milliseconds; absent means to wait for as long as it takes. */
  readonly timeout?: number | undefined
}

/** Milliseconds as monotonic() counts them. */
export type Deadline = number | undefined

export const deadlineOf = ({ timeout }: Patience): Deadline => (timeout === undefined ? undefined : monotonic() + timeout)

const timespecUntil = (deadline: number): Uint8Array => {
  const left = Math.max(deadline - monotonic(), 0)
  const timespec = Buffer.alloc(TIMESPEC.size)
  timespec.writeBigInt64LE(BigInt(Math.floor(left / 1000)), TIMESPEC.tv_sec)
  timespec.writeBigInt64LE(BigInt(Math.floor((left % 1000) * 1e6)), TIMESPEC.tv_nsec)
  return timespec
}

/** Returns once `fd` has one of `events` (POLL*), an error or a hang-up. Throws WherryError 'deadline-exceeded', naming `what`. */
export const waitReady = (fd: number, events: number, deadline: Deadline, what: string): void => {
  const pollfd = Buffer.alloc(POLLFD.size)
  pollfd.writeInt32LE(fd, POLLFD.fd)
  pollfd.writeInt16LE(events, POLLFD.events)
  for (;;) {
    const result = trySyscall('ppoll', pollfd, 1, deadline === undefined ? 0 : timespecUntil(deadline), 0, SIGSET_SIZE)
    if (result > 0) return
    if (result === 0) throw new WherryError('deadline-exceeded', `${what}: the other side has not moved in time`)
    if (result !== -ERRNO.EINTR) throw new SyscallError('ppoll', -result, { during: what })
  }
}

/** What is waited for: POLL* of a descriptor. */
export interface Interest {
  readonly fd: number
  readonly events: number
}

const pollfds = (interests: readonly Interest[]): Buffer => {
  const fds = Buffer.alloc(POLLFD.size * interests.length)
  for (const [index, { fd, events }] of interests.entries()) {
    fds.writeInt32LE(fd, POLLFD.size * index + POLLFD.fd)
    fds.writeInt16LE(events, POLLFD.size * index + POLLFD.events)
  }
  return fds
}

const readyOf = (fds: Buffer, count: number): number[] =>
  Array.from({ length: count }, (_, index) => fds.readInt16LE(POLLFD.size * index + POLLFD.revents))

/** What poll(2) says of each of them, in their order, after at most `timeout` milliseconds; all 0 also after a signal. */
export const pollAll = (interests: readonly Interest[], timeout: number): number[] => {
  const fds = pollfds(interests)
  const result = trySyscall('ppoll', fds, interests.length, timespecUntil(monotonic() + timeout), 0, SIGSET_SIZE)
  if (result < 0 && result !== -ERRNO.EINTR) throw new SyscallError('ppoll', -result)
  return result < 0 ? interests.map(() => 0) : readyOf(fds, interests.length)
}

/** The same for as long as it takes, in one of libuv’s threads: signals and timers go on meanwhile. */
export const pollAllLater = (interests: readonly Interest[]): Promise<number[]> => {
  const fds = pollfds(interests)
  return new Promise((resolve, reject) => {
    poll.async(koffi.address(fds), interests.length, -1, (error) => {
      if (error === null) resolve(readyOf(fds, interests.length))
      else reject(error)
    })
  })
}
