/** The end: the exit record, whoever wants to know of it, and the clean-up. */
import { ERRNO } from '../../sys/abi/errno.ts'
import { RLIMITS } from '../../sys/abi/resource.ts'
import { SIG_DFL, SIG_SETMASK, SIGNALFD_SIGINFO, SIGNALS, SIGSET_SIZE } from '../../sys/abi/signal.ts'
import { EVENTS, EXIT, EXIT_FLAGS, PHASES, RUN, SPOOL } from '../layout.ts'
import { OWN, parameter } from '../parameters.ts'
import { emitTell } from './clients.ts'
import { RESUME, type State } from './state.ts'

/**
 * The drain time is over. A spool that a follower holds or that is not consumed is waited for, because whoever causes that can
 * end it and output would be lost; a full disk is not. Else somebody holds the output open: what is there is still read.
 */
const emitDeadline = (state: State): void => {
  const { p } = state
  const [phase, blocked] = [state.page('phase'), state.page('blocked')]
  const again = p.label()
  const last = p.label()
  p.during = 'drain time'
  p.place(state.onDeadline)
  state.tolerant('read', [state.deadlineTimer, state.scratch, 8])
  p.compare(phase, PHASES.ended, { equal: state.cleanup })
  p.compare(phase, PHASES.draining, { otherwise: state.loop })
  p.compute(blocked, {}, { zero: last })
  p.compare(blocked, ERRNO.EAGAIN, { equal: again })
  p.compare(blocked, ERRNO.EEXIST, { otherwise: state.publish })
  p.place(again)
  state.armDeadline('drain')
  p.jump(state.loop)
  p.place(last)
  p.set(state.held, 1)
  p.set(phase, PHASES.last)
  p.set(state.timeout, 0)
  p.jump(state.loop)
}

const emitFlags = (state: State): void => {
  const { p, exit, resume } = state
  const whole = p.label()
  const flags = p.cell('flags')
  p.compute(resume, {}, { zero: whole })
  p.compare(resume, RESUME.terminal, { equal: whole })
  p.set(state.lost, 1)
  p.place(whole)
  p.compute(state.startFailed, { factor: EXIT_FLAGS.startFailed }, { into: flags })
  p.compute(state.terminated, { factor: EXIT_FLAGS.terminated, addend: flags }, { into: flags })
  p.compute(state.lost, { factor: EXIT_FLAGS.lost, addend: flags }, { into: flags })
  p.compute(state.held, { factor: EXIT_FLAGS.held, addend: flags }, { into: exit.plus(EXIT.flags), width: 4 })
}

/** Written over room that is there, then renamed: whoever sees the record sees a whole one. The page has it where the disk refuses it. */
const emitPublish = (state: State): void => {
  const { p, exit } = state
  const [written, refused, renamed] = [p.label(), p.label(), p.label()]
  p.during = 'exit record'
  p.place(state.publish)
  emitFlags(state)
  const length = p.call('pwrite64', [OWN.exit, exit, EXIT.size, 0], { negative: 'next' })
  p.compare(length, EXIT.size, { otherwise: refused })
  p.compute(parameter('durable'), {}, { zero: written })
  state.tolerant('fdatasync', [OWN.exit])
  p.place(written)
  state.tolerant('renameat2', [OWN.spool, SPOOL.exitNext, OWN.spool, SPOOL.exit, 0])
  p.compute(parameter('durable'), {}, { zero: renamed })
  state.tolerant('fsync', [OWN.spool])
  p.place(renamed)
  p.place(refused)
  state.tolerant('unlinkat', [OWN.run, RUN.socket, 0])
  state.tolerant('unlinkat', [OWN.run, RUN.stdin, 0])
  p.set(state.page('phase'), PHASES.ended)
  p.copy(state.control, state.waiting)
  p.set(state.timeout, -1)
  p.set(state.resume, RESUME.nothing)
  p.compute(state.subscriber, {}, { negative: state.cleanup })
  emitTell(state, state.subscriber, EVENTS.ended, state.pid, state.cleanup)
  state.armDeadline('acknowledge')
  p.jump(state.loop)
}

/** Becomes the clean-up command, as it would be had it been started by hand: no signals blocked, ignored or pending, no limits, no descriptors. */
const emitCleanup = (state: State): void => {
  const { p } = state
  const wanted = p.label()
  p.during = 'clean-up command'
  p.place(state.cleanup)
  p.compute(parameter('cleanup'), {}, { positive: wanted })
  p.exit(0)
  p.place(wanted)
  p.call('read', [state.signals, state.scratch, SIGNALFD_SIGINFO.size], { positive: wanted, negative: 'next' })
  state.tolerant('close_range', [OWN.page, 0xffffffff, 0])
  state.tolerant('rt_sigaction', [SIGNALS.SIGXFSZ, p.words([SIG_DFL, 0, 0, 0]), 0, SIGSET_SIZE])
  state.tolerant('prlimit64', [0, RLIMITS.RLIMIT_FSIZE, state.fileSize, 0])
  state.tolerant('rt_sigprocmask', [SIG_SETMASK, p.words([0]), 0, SIGSET_SIZE])
  p.call('execve', [parameter('cleanup'), parameter('cleanupArgv'), parameter('cleanupEnv')], { positive: 'fail', zero: 'fail' })
}

export const emitEnd = (state: State): void => {
  emitDeadline(state)
  emitPublish(state)
  emitCleanup(state)
}
