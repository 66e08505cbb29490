/**
 * The seccomp listener's way out. The filter may refuse or trap every call of the filtered thread, so another thread, without the
 * filter, sends the descriptor; the filtered one waits for it by looking at memory.
 */
import type { Cell, Ref } from '../program/operand.ts'
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, CLONE_VM } from '../sys/abi/sched.ts'
import { sendDescriptor } from './console.ts'
import type { Emit, ProcessPlan } from './plan.ts'
import { PAGE_WORDS } from './sync.ts'

const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
const SLICE_NS = 100_000

/** Starts the thread; what is returned emits the wait, to stand behind the filter. */
export const emitListener = ({ p, plan }: Emit<ProcessPlan>, text: Ref, length: Cell): (() => void) => {
  if (plan.seccomp?.listener === undefined) return () => {}
  const { listener } = plan.seccomp
  p.during = 'linux.seccomp.listenerPath'
  const fd: Cell = p.shared(PAGE_WORDS.listener, 'listener')
  const sent = p.cell('sent')
  p.fork(
    () => {
      const wait = p.label()
      const ready = p.label()
      const slice = p.words([0, SLICE_NS])
      p.place(wait)
      p.compute(fd, {}, { positive: ready })
      p.call('nanosleep', [slice, 0], { tolerate: ['EINTR'] })
      p.jump(wait)
      p.place(ready)
      sendDescriptor(p, listener, fd, text, length)
      p.set(sent, 1)
      p.call('exit', [0])
    },
    { flags: THREAD },
  )
  return () => {
    const wait = p.label()
    p.place(wait)
    p.compare(sent, 0, { equal: wait })
  }
}
