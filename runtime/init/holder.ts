/**
 * A process that only holds its namespaces, and is the first of its pid namespace: it executes nothing, has nothing open, and what is left
 * over by others it never sees, because who ignores SIGCHLD has no zombies (sigaction(2), SA_NOCLDWAIT). SIGTERM from outside of the
 * namespace ends it; what is inside cannot: the kernel drops the signals that it has no handler for, pid_namespaces(7).
 */
import { PR_SET_NAME } from '../sys/abi/prctl.ts'
import { SIG_BLOCK, SIG_IGN, SIGNALFD_SIGINFO, SIGNALS, SIGSET_SIZE } from '../sys/abi/signal.ts'
import { emitUser } from './identity.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { ask, PAGE_WORDS, SAYS } from './sync.ts'

const LOW32 = 0xffff_ffffn
const TERM = 1n << BigInt(SIGNALS.SIGTERM - 1)

/** The end of the program: it never executes anything. */
export const emitHolder = (emit: Emit<ContainerPlan>): void => {
  const { p } = emit
  emitUser(emit)
  p.during = 'holder'
  p.call('prctl', [PR_SET_NAME, 'wherry:holder', 0, 0, 0])
  p.call('rt_sigaction', [SIGNALS.SIGCHLD, p.words([SIG_IGN, 0, 0, 0]), 0, SIGSET_SIZE])
  p.call('rt_sigprocmask', [SIG_BLOCK, p.words([TERM]), 0, SIGSET_SIZE])
  p.set(p.shared(PAGE_WORDS.started, 'started'), 1)
  ask(emit, SAYS.created)
  p.during = 'holder'
  p.call('close_range', [0, 0xffffffff, 0])
  const signals = p.call('signalfd4', [-1, p.words([TERM]), SIGSET_SIZE, 0], { name: 'signals' })
  const info = p.buffer(SIGNALFD_SIGINFO.size)
  const wait = p.label()
  p.place(wait)
  p.call('read', [signals, info, SIGNALFD_SIGINFO.size], { tolerate: { EINTR: wait } })
  // a sender outside of the pid namespace has no pid in it
  p.compare(info.plus(SIGNALFD_SIGINFO.ssi_pid), 0, { mask: LOW32, otherwise: wait })
  p.exit(0)
}
