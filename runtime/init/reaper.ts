/**
 * A first process of the pid namespace that is not the user's: it passes signals on to that one, reaps what is left over by others, and
 * ends as that one does, 128 + n for signal n. It is this very program, so nothing of it is in the container's files: --init.
 */
import { _LINUX_CAPABILITY_VERSION_3, CAPABILITIES } from '../sys/abi/capability.ts'
import { TIOCSPGRP } from '../sys/abi/ioctl.ts'
import { PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_SET_NAME } from '../sys/abi/prctl.ts'
import { SFD_CLOEXEC, SIG_SETMASK, SIGNALFD_SIGINFO, SIGNALS, SIGSET_SIZE } from '../sys/abi/signal.ts'
import { CLD_EXITED, P_ALL, SIGINFO, WEXITED, WNOHANG } from '../sys/abi/wait.ts'
import type { Cell } from '../program/operand.ts'
import type { ContainerPlan, Emit } from './plan.ts'

const LOW32 = 0xffff_ffffn
const ALL = LOW32 | (LOW32 << 32n)

/** The signalfd's number for good: everything above it closes, and with it what `start` waits for. */
const SIGNALS_FD = 3

const setMask = ({ p }: Emit<ContainerPlan>, mask: bigint): void => {
  p.call('rt_sigprocmask', [SIG_SETMASK, p.words([mask]), 0, SIGSET_SIZE])
}

/** What it may do besides what its user may: to send signals to whoever the process has become. */
const emitDropCapabilities = ({ p, plan }: Emit<ContainerPlan>): void => {
  const kept = plan.capabilities.effective & (1n << BigInt(CAPABILITIES.CAP_KILL))
  p.call('prctl', [PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0])
  p.call('capset', [p.words([_LINUX_CAPABILITY_VERSION_3]), p.words([kept | (kept << 32n), 0, 0])])
}

/** The process has a process group of its own, which is the terminal's foreground: keys that send signals are for it alone. */
const emitGroup = ({ p, plan }: Emit<ContainerPlan>): void => {
  p.call('setpgid', [0, 0])
  if (plan.console === undefined) return
  const pid = p.call('getpid', [])
  p.call('ioctl', [0, TIOCSPGRP, pid.ref])
}

const emitLoop = ({ p }: Emit<ContainerPlan>, signals: Cell, process: Cell): void => {
  const info = p.buffer(SIGNALFD_SIGINFO.size)
  const child = p.buffer(SIGINFO.size)
  const [wait, reap, ended, killed] = [p.label(), p.label(), p.label(), p.label()]
  const signal = p.cell('signal')
  const status = p.cell('status')
  p.place(wait)
  p.call('read', [signals, info, SIGNALFD_SIGINFO.size], { tolerate: { EINTR: wait } })
  p.compute(info, { mask: LOW32 }, { into: signal })
  p.compare(signal, SIGNALS.SIGCHLD, { equal: reap })
  p.call('kill', [process, signal], { positive: wait, zero: wait, tolerate: { ESRCH: wait, EPERM: wait } })
  p.place(reap)
  p.set(child.plus(SIGINFO.si_pid), 0, 4)
  p.call('waitid', [P_ALL, 0, child, WEXITED | WNOHANG, 0], { tolerate: { ECHILD: wait, EINTR: reap } })
  p.compare(child.plus(SIGINFO.si_pid), 0, { mask: LOW32, equal: wait })
  p.compute(child.plus(SIGINFO.si_pid), { mask: LOW32, factor: -1, addend: process }, { positive: reap, zero: ended, negative: reap })
  p.place(ended)
  p.compute(child.plus(SIGINFO.si_status), { mask: LOW32 }, { into: status })
  p.compare(child.plus(SIGINFO.si_code), CLD_EXITED, { mask: LOW32, otherwise: killed })
  p.exit(status)
  p.place(killed)
  p.exit(p.compute(status, { constant: 128 }))
}

/** What is emitted behind this is the child's, whose descriptors it has as they were. */
export const emitReaper = (emit: Emit<ContainerPlan>): void => {
  const { p } = emit
  p.during = 'init'
  const [child, process] = [p.label(), p.cell('process')]
  setMask(emit, ALL)
  const parent = p.label()
  p.call('clone', [SIGNALS.SIGCHLD, 0, 0, 0, 0], { into: process, zero: child, positive: parent })
  p.place(parent)
  p.call('prctl', [PR_SET_NAME, 'wherry:reaper', 0, 0, 0])
  emitDropCapabilities(emit)
  const made = p.call('signalfd4', [-1, p.words([ALL]), SIGSET_SIZE, SFD_CLOEXEC], { name: 'made' })
  const placed = p.label()
  p.compare(made, SIGNALS_FD, { equal: placed })
  p.call('dup3', [made, SIGNALS_FD, SFD_CLOEXEC])
  p.place(placed)
  p.call('close_range', [SIGNALS_FD + 1, 0xffffffff, 0])
  const signals = p.cell('signals', SIGNALS_FD)
  emitLoop(emit, signals, process)
  p.place(child)
  emitGroup(emit)
  setMask(emit, 0n)
}
