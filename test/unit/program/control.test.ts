/** Where programs go on: signs of results, labels, loops, tolerated errors and children. Programs that are really executed. */
import assert from 'node:assert/strict'
import type { Program } from '../../../runtime/program/assembler.ts'
import type { Label } from '../../../runtime/program/op.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { AT_FDCWD, O_RDONLY } from '../../../runtime/sys/abi/fcntl.ts'
import { CLONE_PARENT } from '../../../runtime/sys/abi/sched.ts'
import { P_PID, SIGINFO, WEXITED } from '../../../runtime/sys/abi/wait.ts'
import { paged, run } from '../../support/program.ts'
import { onBoth } from './cases.ts'

const [FIRST, SECOND] = [16, 24]

const say = (p: Program, text: string): void => {
  p.call('write', [1, text, text.length])
}

/** Ops that say where they are. */
const station = (p: Program, label: Label, text: string): void => {
  p.place(label)
  say(p, text)
  p.exit(0)
}

const absent = (p: Program, options: Parameters<Program['call']>[2] = {}) =>
  p.call('openat', [AT_FDCWD, '/nonexistent', O_RDONLY, 0], options)

for (const [value, expected] of [
  [5, 'positive'],
  [0, 'zero'],
  [-5, 'negative'],
] as const)
  onBoth(`a result of ${value} goes on where it should`, (arch) => {
    const p = paged(arch)
    const [positive, zero, negative] = [p.label(), p.label(), p.label()]
    p.compute(p.cell('value', value), {}, { positive, zero, negative })
    station(p, negative, 'negative')
    station(p, zero, 'zero')
    station(p, positive, 'positive')
    assert.equal(run(p).output, expected)
  })

onBoth('a call goes on by its sign too', (arch) => {
  const p = paged(arch)
  const [positive, zero, negative] = [p.label(), p.label(), p.label()]
  p.call('getpid', [], { positive, zero: 'fail' })
  p.exit(1)
  p.place(positive)
  p.call('umask', [0], { positive: 'fail', zero: 'next' })
  p.call('umask', [0], { positive: 'fail', zero })
  p.exit(2)
  p.place(zero)
  absent(p, { negative, positive: 'fail', zero: 'fail' })
  p.exit(3)
  station(p, negative, 'here')
  const original = process.umask(0)
  try {
    assert.equal(run(p).output, 'here')
  } finally {
    process.umask(original)
  }
})

onBoth('an error can be passed over', (arch) => {
  const p = paged(arch)
  absent(p, { negative: 'next', into: p.shared(FIRST, 'error') })
  say(p, 'on')
  p.exit(0)
  const { output, page } = run(p)
  assert.deepEqual([output, page.word(FIRST), page.failure], ['on', -ERRNO.ENOENT, undefined])
})

onBoth('compares with and without a mask', (arch) => {
  const p = paged(arch)
  const [equal, second, third, wrong] = [p.label(), p.label(), p.label(), p.label()]
  const value = p.cell('value', 0x4_0000_81a4n)
  p.compare(value, 0x8000, { mask: 0xf000, equal, otherwise: wrong })
  p.place(equal)
  p.compare(value, 0x4000, { mask: 0xf000, equal: wrong, otherwise: second })
  p.place(second)
  p.compare(value, 0x4_0000_81a4n, { otherwise: wrong })
  p.compare(value, -1, { equal: wrong })
  p.compare(p.cell('negative', -3), -3, { equal: third, otherwise: wrong })
  station(p, wrong, 'wrong')
  station(p, third, 'right')
  assert.equal(run(p).output, 'right')
})

onBoth('a compare looks at memory that a call has filled', (arch) => {
  const p = paged(arch)
  const wrong = p.label()
  const fd = p.call('openat', [AT_FDCWD, '/proc/self/exe', O_RDONLY, 0])
  const bytes = p.buffer(16)
  p.call('read', [fd, bytes.plus(4), 4])
  p.compare(bytes.plus(4), 0x464c457f, { mask: 0xffff_ffff, otherwise: wrong })
  p.compare(bytes.plus(5), 0x45, { mask: 0xff, otherwise: wrong })
  say(p, 'an executable')
  p.exit(0)
  station(p, wrong, 'wrong')
  assert.equal(run(p).output, 'an executable')
})

onBoth('a loop counts down', (arch) => {
  const p = paged(arch)
  const count = p.cell('count', 5)
  const [again, done, behind] = [p.label(), p.label(), p.label()]
  p.place(again)
  say(p, 'x')
  p.compute(count, { constant: -1 }, { into: count, positive: again, zero: done, negative: 'fail' })
  p.place(done)
  p.jump(behind)
  p.exit(1)
  p.place(behind)
  p.exit(0)
  const { output, status } = run(p)
  assert.deepEqual([output, status], ['xxxxx', 0])
})

onBoth('tolerated errors go on as success does, or at a label', (arch) => {
  const p = paged(arch)
  const [missing, forbidden] = [p.label(), p.label()]
  absent(p, { tolerate: ['ENOENT'] })
  say(p, 'a')
  absent(p, { tolerate: ['EPERM', 'ENOENT', 'EIO'] })
  say(p, 'b')
  p.call('close', [1], { tolerate: ['EBADF'], zero: 'next' }) // success, with an explicit next
  p.call('dup3', [2, 1, 0], { tolerate: ['EBADF'], positive: 'next' })
  absent(p, { tolerate: { EPERM: forbidden, ENOENT: missing } })
  p.place(forbidden)
  p.exit(1)
  p.place(missing)
  p.exit(5)
  const { output, status, page } = run(p)
  assert.deepEqual([output, status, page.failure], ['ab', 5, undefined])
})

onBoth('a tolerated error leaves the result to be looked at', (arch) => {
  const p = paged(arch)
  const fd = absent(p, { tolerate: ['ENOENT'] })
  p.copy(fd, p.shared(FIRST, 'result'))
  p.compare(fd, -ERRNO.ENOENT, { otherwise: 'fail' })
  p.compare(fd, 0, { mask: 1n << 63n, equal: 'fail' })
  p.exit(0)
  const { page, status } = run(p)
  assert.deepEqual([page.word(FIRST), status], [-ERRNO.ENOENT, 0])
})

onBoth('a child runs its own code on memory of its own', (arch) => {
  const p = paged(arch)
  const value = p.cell('value', 1)
  const status = p.buffer(8)
  const child = p.fork(() => {
    p.set(value, 2)
    p.copy(value, p.shared(FIRST, 'in the child'))
    p.exit(3)
  })
  p.call('wait4', [child, status, 0, 0])
  p.copy(value, p.shared(SECOND, 'in the parent'))
  p.compare(status, 3 << 8, { otherwise: 'fail' })
  p.exit(0)
  const { page, status: own } = run(p)
  assert.deepEqual([page.word(FIRST), page.word(SECOND), own], [2, 1, 0])
})

onBoth('children have children', (arch) => {
  const p = paged(arch)
  const info = p.buffer(SIGINFO.size)
  const child = p.fork(() => {
    const grandchild = p.fork(() => {
      say(p, 'grandchild ')
      p.exit(4)
    })
    p.call('waitid', [P_PID, grandchild, info, WEXITED, 0])
    p.compare(info.plus(SIGINFO.si_status), 4, { mask: 0xffff_ffff, otherwise: 'fail' })
    say(p, 'child ')
    p.exit(5)
  })
  p.call('waitid', [P_PID, child, info, WEXITED, 0])
  p.compare(info.plus(SIGINFO.si_status), 5, { mask: 0xffff_ffff, otherwise: 'fail' })
  say(p, 'parent')
  p.exit(0)
  const { output, status } = run(p)
  assert.deepEqual([output, status], ['grandchild child parent', 0])
})

onBoth('fork takes flags and errors', (arch) => {
  const p = paged(arch)
  const refused = p.label()
  // a thread must share its memory: EINVAL before anything is made
  p.fork(() => p.exit(1), { flags: CLONE_PARENT | 0x10000, tolerate: { EINVAL: refused } })
  p.exit(2)
  p.place(refused)
  p.exit(0)
  assert.equal(run(p).status, 0)
})
