/** Waits for children as a subreaper must: for all of them, because orphans of the container become ours. */
import { wexitstatus, wifexited, WNOHANG, wtermsig } from '../../../runtime/sys/abi/wait.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { trySyscall } from '../../../runtime/sys/syscall.ts'

/** A shell’s convention: 128 + signal. */
const KILLED = 128
/** Listeners for signals do not keep Node running, a timer does. */
const FOREVER_MS = 0x7fff_ffff

export const exitStatus = (status: number): number => (wifexited(status) ? wexitstatus(status) : KILLED + wtermsig(status))

/** Collects every child that has ended; the status word of `pid` if it is among them. */
const reap = (pid: number, debug: (message: string) => void): number | undefined => {
  const word = Buffer.alloc(4)
  let found: number | undefined
  for (;;) {
    const child = trySyscall('wait4', -1, word, WNOHANG, 0)
    if (child === -ERRNO.EINTR) continue
    if (child < 0 && child !== -ERRNO.ECHILD) throw new SyscallError('wait4', -child)
    if (child <= 0) return found
    const status = word.readInt32LE(0)
    debug(`process exited pid=${child} status=${exitStatus(status)}`)
    if (child === pid) found = status
  }
}

/** Exit status of child `pid`: its own, or 128 + the signal that ended it. Until then all other children are reaped too. */
export const waitForExit = (pid: number, debug: (message: string) => void): Promise<number> =>
  new Promise((resolve, reject) => {
    const keepRunning = setInterval(() => {}, FOREVER_MS)
    const look = (): void => {
      try {
        const status = reap(pid, debug)
        if (status === undefined) return
        resolve(exitStatus(status))
      } catch (error) {
        reject(error)
      }
      clearInterval(keepRunning)
      process.off('SIGCHLD', look)
    }
    process.on('SIGCHLD', look)
    look() // it may have ended before anybody listened
  })
