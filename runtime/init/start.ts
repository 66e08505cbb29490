/** The wait of a created container: a connection to its socket that sends one byte starts it. */
import type { Program } from '../program/assembler.ts'
import type { Label } from '../program/op.ts'
import type { Cell } from '../program/operand.ts'
import { POLLFD, POLLIN } from '../sys/abi/poll.ts'
import { SOCK_CLOEXEC } from '../sys/abi/socket.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { PAGE_WORDS } from './sync.ts'

const SFD_CLOEXEC = 0x80000

/** What the ops from the last word to the parent on are for: `start` tells of their failures. */
export const WAITING = 'waiting for start'

/** struct signalfd_siginfo, signalfd(2); ssi_signo comes first. */
const SIGINFO_SIZE = 128

/** All signals but those whose default is to do nothing, to stop or to continue, and those that cannot be blocked: signal(7). */
const ENDING = ~[17, 18, 19, 20, 21, 22, 23, 28].reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n)

const SIG_SETMASK = 2

/** rt_sigprocmask(2) with the kernel's set of eight bytes. */
const setMask = (p: Program, mask: bigint): void => {
  p.call('rt_sigprocmask', [SIG_SETMASK, p.words([mask]), 0, 8])
}

/** The first process of a pid namespace does not get signals it has no handler for: they are blocked and read, and end it. */
const emitSignals = (p: Program): { fd: Cell; ended: Label } => {
  const ended = p.label()
  const on = p.label()
  setMask(p, ENDING)
  const fd = p.call('signalfd4', [-1, p.words([ENDING]), 8, SFD_CLOEXEC], { positive: on, name: 'signals' })
  p.place(ended)
  const info = p.buffer(SIGINFO_SIZE)
  p.call('read', [fd, info, SIGINFO_SIZE])
  p.exit(p.compute(info, { mask: 0xff, constant: 128 }))
  p.place(on)
  return { fd, ended }
}

/** A connection whose byte asks for the start. A caller that goes away without having sent it has asked for nothing. */
const emitAccept = (p: Program, listen: number): void => {
  const { fd, ended } = emitSignals(p)
  const wait = p.label()
  const dropped = p.label()
  const asked = p.label()
  const poll = p.words([BigInt(listen) | (BigInt(POLLIN) << 32n), BigInt(POLLIN) << 32n])
  p.copy(fd, poll.plus(POLLFD.size), 4)
  p.place(wait)
  p.call('ppoll', [poll, 2, 0, 0, 8], { tolerate: { EINTR: wait } })
  p.compare(poll.plus(POLLFD.size), 0, { mask: BigInt(POLLIN) << 48n, otherwise: ended })
  const connection = p.call('accept4', [listen, 0, 0, SOCK_CLOEXEC], { tolerate: { EINTR: wait, ECONNABORTED: wait }, name: 'connection' })
  p.call('read', [connection, p.buffer(8), 1], { positive: asked, zero: dropped, tolerate: { ECONNRESET: dropped, EINTR: dropped } })
  p.place(dropped)
  p.call('close', [connection])
  p.jump(wait)
  p.place(asked)
  p.call('close', [fd])
  p.call('close', [listen])
  setMask(p, 0n)
}

/**
 * The connection closes when the process is executed (or init has ended): its end of file tells `start` that all is done.
 * Without a socket the container starts at once, and the channel stands for the connection.
 */
export const emitStartWait = ({ p, plan }: Emit<ContainerPlan>): void => {
  p.during = WAITING
  if (plan.listen !== undefined) emitAccept(p, plan.listen)
  p.set(p.shared(PAGE_WORDS.started, 'started'), 1)
}
