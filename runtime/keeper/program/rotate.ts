/**
 * The next file of the ring takes the place of the oldest one. It is made under another name and renamed once its header is
 * whole: a slot always holds a whole file, whenever the keeper dies.
 *
 * A follower keeps the file that it reads from being replaced, and with it all later ones, by a shared flock(2) on it: then the
 * exclusive lock is refused and the keeper waits. In a spool that is consumed nothing is replaced, and the keeper waits until
 * the slot is empty.
 */
import { Cell } from '../../program/operand.ts'
import { ERRNO } from '../../sys/abi/errno.ts'
import { LOCK_EX, LOCK_NB, O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } from '../../sys/abi/fcntl.ts'
import { FILE_HEADER, SPOOL } from '../layout.ts'
import { NAME_SIZE, OWN, parameter, parameterAddress } from '../parameters.ts'
import { RESUME, type State } from './state.ts'

export const emitRotate = (state: State): void => {
  const { p, error } = state
  p.during = 'rotation'
  const nofollow = O_NOFOLLOW[p.arch] | O_CLOEXEC
  const slot = p.cell('nextSlot')
  const name = p.cell('slotName')
  const oldest = p.cell('oldest')
  const made = p.cell('made')
  const inRing = p.label()
  const free = p.label()
  const short = p.label()
  const refused = p.label()
  const header = parameterAddress('header')
  const next = new Cell(header.plus(FILE_HEADER.sequence), 'header.sequence')

  p.place(state.rotate)
  p.set(oldest, -1)
  p.set(made, -1)
  p.compute(parameter('slot'), { constant: 1 }, { into: slot })
  p.compute(slot, { factor: -1, addend: parameter('slots') }, { positive: inRing })
  p.set(slot, 0)
  p.place(inRing)
  p.compute(slot, { factor: NAME_SIZE, addend: parameter('names') }, { into: name })
  p.compute(parameter('rename'), {}, { positive: free })
  p.call('openat', [OWN.spool, name, O_RDONLY | nofollow, 0], { into: error, negative: refused, tolerate: { ENOENT: free } })
  p.copy(error, oldest)
  // a file system without locks has no followers that hold
  p.call('flock', [oldest, LOCK_EX | LOCK_NB], { into: error, negative: 'next', tolerate: { EAGAIN: refused } })

  p.place(free)
  state.tolerant('unlinkat', [OWN.spool, SPOOL.next, 0])
  p.call('openat', [OWN.spool, SPOOL.next, O_WRONLY | O_CREAT | O_EXCL | nofollow, 0o600], { into: error, negative: refused })
  p.copy(error, made)
  p.compute(state.sequence, { constant: 1 }, { into: next })
  p.call('pwrite64', [made, header, FILE_HEADER.size, 0], { into: error, negative: refused })
  p.compare(error, FILE_HEADER.size, { otherwise: short })
  p.call('renameat2', [OWN.spool, SPOOL.next, OWN.spool, name, parameter('rename')], { into: error, negative: refused })
  state.tolerant('close', [state.log])
  state.tolerant('close', [oldest])
  p.copy(made, state.log)
  p.copy(slot, parameter('slot'))
  p.copy(next, state.sequence)
  p.set(state.offset, FILE_HEADER.size)
  p.set(state.page('blocked'), 0)
  p.compute(state.left, {}, { positive: state.write, zero: state.loop, negative: state.loop })

  p.place(short)
  p.set(error, -ERRNO.ENOSPC)
  p.place(refused)
  state.tolerant('close', [made])
  state.tolerant('close', [oldest])
  p.set(state.resume, RESUME.rotate)
  p.jump(state.block)
}
