/** The loop: one event at a time, so that neither stream nor any client can starve the others. */
import { SIGSET_SIZE } from '../../sys/abi/signal.ts'
import { PHASES } from '../layout.ts'
import { OWN } from '../parameters.ts'
import { LOW32, RESUME, RETRY_LAST, type State, TAGS } from './state.ts'

export const emitLoop = (state: State): void => {
  const { p, event, eventData } = state
  p.during = 'keeper'
  const wait = p.label()
  p.place(state.loop)
  p.compare(state.page('phase'), PHASES.last, { otherwise: wait })
  p.compute(state.lastReads, { constant: -1 }, { into: state.lastReads, negative: state.publish })
  p.place(wait)
  // SIGCONT interrupts it, signal(7)
  p.call('epoll_pwait', [state.waiting, event, 1, state.timeout, 0, SIGSET_SIZE], { zero: state.publish, tolerate: { EINTR: state.loop } })
  if (!state.terminal) p.compare(eventData, TAGS.stderr, { equal: state.take.stderr })
  p.compare(eventData, TAGS.stdout, { equal: state.take.stdout })
  p.compare(eventData, TAGS.control, { otherwise: state.dispatch })
  p.call('epoll_pwait', [state.control, event, 1, 0, 0, SIGSET_SIZE], { zero: state.loop, negative: state.loop })
  p.place(state.dispatch)
  p.compare(eventData, TAGS.signal, { equal: state.onSignal })
  p.compare(eventData, TAGS.listener, { equal: state.onListener })
  p.compare(eventData, TAGS.retry, { equal: state.onRetry })
  p.compare(eventData, TAGS.deadline, { equal: state.onDeadline })
  if (state.terminal) p.compare(eventData, TAGS.console, { equal: state.onConsole })
  p.compute(eventData, { mask: LOW32 }, { into: state.client })
  p.jump(state.onClient)
}

/**
 * What cannot be done now is tried again later, at growing distances. Meanwhile the container's output is not read, so that
 * the container blocks once its pipe is full; everything else goes on.
 */
export const emitRetry = (state: State): void => {
  const { p, interval, resume, listening } = state
  const resumed = p.cell('resumed')
  const asked = p.label()
  p.during = 'waiting to go on'
  p.place(state.block)
  p.compute(state.error, { factor: -1 }, { into: state.page('blocked') })
  // after the drain time the deadline judges again
  p.compare(state.page('phase'), PHASES.last, { otherwise: state.pause })
  p.set(state.page('phase'), PHASES.draining)
  p.set(state.timeout, -1)
  state.armDeadline('drain')
  p.place(state.pause)
  p.copy(state.control, state.waiting)
  p.place(state.later)
  state.tolerant('timerfd_settime', [state.retryTimer, 0, state.retry, 0])
  p.compute(interval, { factor: 2 }, { into: interval })
  p.compute(interval, { constant: -RETRY_LAST }, { negative: state.loop })
  p.set(interval, RETRY_LAST)
  p.jump(state.loop)

  p.place(state.onRetry)
  state.tolerant('read', [state.retryTimer, state.scratch, 8])
  p.compare(listening, 0, { otherwise: asked })
  state.watch(state.control, OWN.listener, TAGS.listener, state.later)
  p.set(listening, 1)
  p.place(asked)
  p.compute(resume, {}, { into: resumed, zero: state.loop })
  p.set(resume, RESUME.nothing)
  p.copy(state.all, state.waiting)
  p.compare(resumed, RESUME.write, { equal: state.write })
  p.compare(resumed, RESUME.rotate, { equal: state.rotate })
  p.jump(state.loop)
}
