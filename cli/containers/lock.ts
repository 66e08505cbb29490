/**
 * The lock of one container, flock(2) on <runRoot>/containers/<id>/lock. It ends with its process, also when that is killed. It is held while
 * a container is made, started, cleaned up, changed and removed; never while images are pulled or a container is waited for.
 */
import { closeSync, constants, existsSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { LOCK_EX, LOCK_NB } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno, SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import { sleep } from '../../runtime/sleep.ts'
import { type Home, placesOf } from './home.ts'

/** Milliseconds between two looks: the first, and the longest. */
const FIRST_PAUSE = 1
const LONGEST_PAUSE = 50

const open = (run: string, path: string): number => {
  for (;;) {
    mkdirSync(run, { recursive: true, mode: 0o700 })
    try {
      return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error // it was removed just now
    }
  }
}

/** Undefined while somebody else has it. */
export const tryLock = (home: Home, id: string): number | undefined => {
  const { run, lock } = placesOf(home, id)
  for (;;) {
    const fd = open(run, lock)
    const result = trySyscall('flock', fd, LOCK_EX | LOCK_NB)
    // who had it before may have removed the file: then it is a lock of nothing
    if (result === 0 && statSync(lock, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd
    closeSync(fd)
    if (result === -ERRNO.EAGAIN) return undefined
    if (result < 0 && result !== -ERRNO.EINTR) throw new SyscallError('flock', -result, { args: [lock, 'LOCK_EX'] })
  }
}

/** Waits for it. @param signal its reason is thrown when it is aborted. */
export const lock = async (home: Home, id: string, signal?: AbortSignal): Promise<number> => {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    signal?.throwIfAborted()
    const fd = tryLock(home, id)
    if (fd !== undefined) return fd
    await sleep(pause)
  }
}

/** Whether anything is there of it. A lock makes folders: what a keeper or a timer starts late must not bring back those of one that is gone. */
export const isKnown = (home: Home, id: string): boolean => {
  const { folder, run } = placesOf(home, id)
  return existsSync(folder) || existsSync(run)
}

export const unlock = (fd: number): void => closeSync(fd)

/** Runs `work` as the only one who changes this container. */
export const locked = async <T>(home: Home, id: string, work: () => T | Promise<T>, signal?: AbortSignal): Promise<T> => {
  const fd = await lock(home, id, signal)
  try {
    return await work()
  } finally {
    unlock(fd)
  }
}
