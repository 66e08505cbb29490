/** Signals that come to us are for the container. */
import { SIG_UNBLOCK, SIGNALS, SIGSET_SIZE, type SignalName } from '../../../runtime/sys/abi/signal.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'

/**
 * Not forwarded: what cannot be caught; what is about our own children, windows, pipes and terminal; and what says that this
 * program itself is broken. Realtime signals cannot be caught in Node.
 */
const OURS: ReadonlySet<SignalName> = new Set<SignalName>([
  'SIGKILL',
  'SIGSTOP',
  'SIGCHLD',
  'SIGWINCH',
  'SIGPIPE',
  'SIGTTIN',
  'SIGTTOU',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGIOT',
  'SIGCLD',
  'SIGPOLL',
])

export const FORWARDED = (Object.keys(SIGNALS) as SignalName[]).filter((name) => !OURS.has(name))

/** Node holds SIGUSR1 back until its debugger listens for it, which --disable-sigusr1 forbids for good. */
export const unblock = (name: SignalName): void => {
  const set = Buffer.alloc(SIGSET_SIZE)
  set.writeBigUInt64LE(1n << BigInt(SIGNALS[name] - 1))
  syscall('rt_sigprocmask', [SIG_UNBLOCK, set, 0, SIGSET_SIZE])
}

export interface Forwarding {
  /** Sends what has come and what will come to process `pid`, a child of ours. */
  to(pid: number): void
  stop(): void
}

/** Holds all signals back from now on, until it is known whom they are for. */
export const forwardSignals = (debug: (message: string) => void): Forwarding => {
  const waiting: SignalName[] = []
  let target: number | undefined
  const send = (pid: number, name: SignalName): void => {
    debug(`forwarding signal ${SIGNALS[name]} (${name}) to ${pid}`)
    try {
      process.kill(pid, SIGNALS[name])
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error // it has just ended
    }
  }
  const receive = (name: NodeJS.Signals): void => {
    if (target === undefined) waiting.push(name as SignalName)
    else send(target, name as SignalName)
  }
  for (const name of FORWARDED) process.on(name, receive)
  unblock('SIGUSR1')
  return {
    to: (pid) => {
      target = pid
      for (const name of waiting.splice(0)) send(pid, name)
    },
    stop: () => {
      for (const name of FORWARDED) process.off(name, receive)
    },
  }
}
