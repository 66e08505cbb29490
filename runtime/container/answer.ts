/** Waiting for a program that is about to answer, without keeping others of this process waiting. */
import { ERRNO } from '../sys/abi/errno.ts'
import { POLLFD, POLLIN } from '../sys/abi/poll.ts'
import { SIGSET_SIZE } from '../sys/abi/signal.ts'
import { TIMESPEC } from '../sys/abi/time.ts'
import { SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'
import { sleep } from '../sleep.ts'

/** How long the event loop may stand still, in milliseconds: most answers come within one. */
const PATIENCE = 20
/** The same while some others wait; while more do, it may not. */
const LESS_PATIENCE = 2
const SOME = 4
/** Milliseconds between looks. */
const PAUSE = 2

/** How many wait by looking from time to time. */
let waiting = 0

const poll = (fd: number, milliseconds: number): number => {
  const pollfd = Buffer.alloc(POLLFD.size)
  pollfd.writeInt32LE(fd, POLLFD.fd)
  pollfd.writeInt16LE(POLLIN, POLLFD.events)
  const time = Buffer.alloc(TIMESPEC.size)
  time.writeBigInt64LE(BigInt(milliseconds * 1e6), TIMESPEC.tv_nsec)
  const result = trySyscall('ppoll', pollfd, 1, time, 0, SIGSET_SIZE)
  if (result < 0 && result !== -ERRNO.EINTR) throw new SyscallError('ppoll', -result)
  return result
}

/** Resolves when the descriptor can be read, or its other end is gone. */
export const answered = async (fd: number): Promise<void> => {
  if (poll(fd, waiting === 0 ? PATIENCE : waiting < SOME ? LESS_PATIENCE : 0) > 0) return
  waiting += 1
  try {
    do await sleep(PAUSE)
    while (poll(fd, 0) <= 0)
  } finally {
    waiting -= 1
  }
}
