/** The ends of children that we started ourselves (spawn.ts), by the event loop: without a thread that waits, and without looking again and again. */
import { WNOHANG } from './abi/wait.ts'
import { ERRNO } from './abi/errno.ts'
import { SyscallError } from './error.ts'
import { trySyscall } from './syscall.ts'

/** What is told: a status word, or a negative errno. */
const waiting = new Map<number, (result: { readonly status: number } | { readonly errno: number }) => void>()
const word = Buffer.alloc(4)

/** One signal may stand for several children: signal(7). */
const look = (): void => {
  for (const [pid, tell] of [...waiting]) {
    const result = trySyscall('wait4', pid, word, WNOHANG, 0)
    if (result === 0 || result === -ERRNO.EINTR) continue
    waiting.delete(pid)
    tell(result < 0 ? { errno: -result } : { status: word.readInt32LE() })
  }
  if (waiting.size === 0) process.off('SIGCHLD', look)
}

/** Resolves to its status word, wait(2), when it has ended; it is reaped then. Nobody else may wait for it. */
export const awaitChild = (pid: number): Promise<number> =>
  new Promise((resolve, reject) => {
    if (waiting.size === 0) process.on('SIGCHLD', look)
    waiting.set(pid, (result) => {
      if ('status' in result) resolve(result.status)
      else reject(new SyscallError('wait4', result.errno, { args: [String(pid)] }))
    })
    // it may have ended before anybody listened
    look()
  })
