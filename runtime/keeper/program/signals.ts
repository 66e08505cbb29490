/** Signals: children that have ended, and the order to end. */
import type { Label } from '../../program/op.ts'
import { SIGNALFD_SIGINFO, SIGNALS } from '../../sys/abi/signal.ts'
import { CLD_EXITED, P_ALL, P_PID, SIGINFO, WEXITED, WNOHANG } from '../../sys/abi/wait.ts'
import { EVENTS, EXIT, PHASES } from '../layout.ts'
import { OWN, parameter } from '../parameters.ts'
import { emitTell } from './clients.ts'
import { LOW32, RESUME, type State } from './state.ts'

/** The stage has told init's pid in its page and exited with 0, or it has failed. */
const emitStageEnd = (state: State, stage: Label): void => {
  const { p, scratch, init } = state
  const failed = p.label()
  const pid = p.buffer(8)
  p.place(stage)
  p.call('waitid', [P_PID, state.stage, scratch, WEXITED | WNOHANG, 0], { negative: state.loop })
  p.compare(scratch.plus(SIGINFO.si_pid), 0, { mask: LOW32, equal: state.loop })
  state.tolerant('pread64', [OWN.stagePage, pid, 4, parameter('pidOffset')])
  state.tolerant('close', [OWN.stagePage])
  p.compute(pid, { mask: LOW32 }, { into: init })
  p.compare(scratch.plus(SIGINFO.si_code), CLD_EXITED, { mask: LOW32, otherwise: failed })
  p.compare(scratch.plus(SIGINFO.si_status), 0, { mask: LOW32, otherwise: failed })
  p.compute(init, {}, { zero: failed })
  p.jump(state.begun)

  p.place(failed)
  p.set(state.startFailed, 1)
  p.compute(init, {}, { zero: state.initEnded })
  state.tolerant('kill', [init, SIGNALS.SIGKILL])
  p.jump(state.initEnded)
}

/** The pid of a child that has not been waited for is nobody else's: it may be killed by it where no pidfd was to be had. */
const emitBegun = (state: State): void => {
  const { p, init } = state
  const told = p.label()
  const deaf = p.label()
  p.place(state.begun)
  p.call('pidfd_open', [init, 0], { into: state.initFd, negative: 'next' })
  p.copy(init, state.pid)
  p.set(state.page('phase'), PHASES.running)
  p.compute(state.subscriber, {}, { negative: told })
  emitTell(state, state.subscriber, EVENTS.begun, init, deaf)
  p.jump(told)
  p.place(deaf)
  state.tolerant('close', [state.subscriber])
  p.set(state.subscriber, -1)
  p.place(told)
  p.compute(state.terminated, {}, { zero: state.reap })
  p.place(state.killInit)
  p.call('pidfd_send_signal', [state.initFd, SIGNALS.SIGKILL, 0, 0], { positive: state.reap, zero: state.reap, negative: 'next' })
  state.tolerant('kill', [init, SIGNALS.SIGKILL])
}

/** Every child that has ended; what is not init was re-parented here. */
const emitReap = (state: State): void => {
  const { p, scratch, init } = state
  const pid = scratch.plus(SIGINFO.si_pid)
  p.place(state.reap)
  p.call('waitid', [P_ALL, 0, scratch, WEXITED | WNOHANG, 0], { negative: state.loop })
  p.compare(pid, 0, { mask: LOW32, equal: state.loop })
  p.compute(pid, { mask: LOW32, factor: -1, addend: init }, { positive: state.reap, negative: state.reap })
}

/** From here on the output is read to its end, for as long as the drain time. */
const emitInitEnd = (state: State): void => {
  const { p, scratch, exit } = state
  const counted = p.label()
  const { memory, memoryLength, size } = EXIT
  p.place(state.initEnded)
  p.set(state.init, 0)
  p.copy(scratch.plus(SIGINFO.si_code), exit.plus(EXIT.code), 4)
  p.copy(scratch.plus(SIGINFO.si_status), exit.plus(EXIT.status), 4)
  state.now(exit.plus(EXIT.ended))
  p.set(state.page('phase'), PHASES.draining)
  p.call('pread64', [parameter('memory'), exit.plus(memory), size - memory, 0], {
    into: exit.plus(memoryLength),
    width: 4,
    positive: counted,
    negative: 'next',
  })
  p.set(exit.plus(memoryLength), 0, 4)
  p.place(counted)
  state.armDeadline('drain')
  p.compute(state.open, {}, { zero: state.publish })
  if (state.terminal) {
    p.compare(state.resume, RESUME.terminal, { otherwise: state.reap })
    p.set(state.resume, RESUME.nothing)
    p.copy(state.all, state.waiting)
  }
  p.jump(state.reap)
}

const emitTerminate = (state: State): void => {
  const { p } = state
  const phase = state.page('phase')
  p.set(state.terminated, 1)
  p.compare(phase, PHASES.running, { equal: state.killInit })
  p.compare(phase, PHASES.ended, { equal: state.cleanup })
  p.compute(phase, {}, { positive: state.publish })
  state.tolerant('kill', [state.stage, SIGNALS.SIGKILL])
  p.jump(state.loop)
}

export const emitSignals = (state: State): void => {
  const { p, scratch } = state
  p.during = 'signals'
  const children = p.label()
  const stage = p.label()
  const signal = scratch.plus(SIGNALFD_SIGINFO.ssi_signo)
  p.place(state.onSignal)
  p.call('read', [state.signals, scratch, SIGNALFD_SIGINFO.size], { zero: state.loop, negative: state.loop })
  p.compare(signal, SIGNALS.SIGCHLD, { mask: LOW32, equal: children })
  p.compare(signal, SIGNALS.SIGTERM, { mask: LOW32, otherwise: state.loop })
  emitTerminate(state)
  p.place(children)
  p.compute(state.page('phase'), {}, { zero: stage, positive: state.reap })
  emitStageEnd(state, stage)
  emitBegun(state)
  emitReap(state)
  emitInitEnd(state)
}
