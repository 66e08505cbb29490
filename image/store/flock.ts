/**
 * flock(2) on files and folders. Locks end with the process that holds them, also when it is killed.
 *
 * flock has no wait that can be broken off without blocking a thread, so waiters look again, ever more seldom; a release in this
 * process wakes them at once.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { LOCK_EX, LOCK_NB, LOCK_SH } from '../../runtime/sys/abi/fcntl.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'

/** Milliseconds between two looks: the first, and the longest. */
const FIRST_PAUSE = 2
const LONGEST_PAUSE = 100

const sleepers = new Set<() => void>()

/** Lets all who wait in this process look again: something was unlocked. */
export const wake = (): void => {
  for (const rise of [...sleepers]) rise()
}

const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const rise = (): void => {
      clearTimeout(timer)
      sleepers.delete(rise)
      signal?.removeEventListener('abort', rise)
      resolve()
    }
    const timer = setTimeout(rise, ms)
    sleepers.add(rise)
    signal?.addEventListener('abort', rise)
  })

/** Calls `look` until it has an answer. Throws the signal's reason. */
export const until = async <T>(look: () => T | undefined, signal?: AbortSignal): Promise<T> => {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    signal?.throwIfAborted()
    const answer = look()
    if (answer !== undefined) return answer
    await sleep(pause, signal)
  }
}

export type LockKind = 'shared' | 'exclusive'

/** False if another open file description holds it. `what` is for the message. */
export const tryFlock = (fd: number, kind: LockKind, what: string): boolean => {
  for (;;) {
    const result = trySyscall('flock', fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB)
    if (result === 0) return true
    if (result === -ERRNO.EAGAIN) return false
    if (result !== -ERRNO.EINTR) throw new SyscallError('flock', -result, { args: [what] })
  }
}

/** Closes a descriptor that is locked, and wakes who waits for it in this process. */
export const unlock = (fd: number): void => {
  closeSync(fd)
  wake()
}

/** Runs `work` with the lock file `path`, which is made and never removed, held. */
export const withLock = async <T>(path: string, kind: LockKind, work: () => T | Promise<T>, signal?: AbortSignal): Promise<T> => {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    await until(() => tryFlock(fd, kind, path) || undefined, signal)
    return await work()
  } finally {
    unlock(fd)
  }
}
