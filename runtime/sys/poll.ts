/** Waiting for one descriptor, ppoll(2). It blocks this thread: for short exchanges on the parent's side only. */
import { WherryError } from '../errors.ts'
import { ERRNO } from './abi/errno.ts'
import { POLLFD } from './abi/poll.ts'
import { SIGSET_SIZE } from './abi/signal.ts'
import { TIMESPEC } from './abi/time.ts'
import { SyscallError } from './error.ts'
import { trySyscall } from './syscall.ts'

export interface Patience {
  /** Milliseconds; absent means to wait for as long as it takes. */
  readonly timeout?: number | undefined
}

/** Milliseconds as performance.now() counts them. */
export type Deadline = number | undefined

export const deadlineOf = ({ timeout }: Patience): Deadline => (timeout === undefined ? undefined : performance.now() + timeout)

const timespecUntil = (deadline: number): Uint8Array => {
  const left = Math.max(deadline - performance.now(), 0)
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
