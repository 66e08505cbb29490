/** What the assembler and the linker refuse. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'

test('a label that is never placed', () => {
  const p = new Program('x64')
  p.jump(p.label())
  p.exit(0)
  assert.throws(() => link(p), { message: 'op 0 (compute) goes on at a label that was never placed' })
})

test('a label that is placed twice', () => {
  const p = new Program('x64')
  const label = p.label()
  p.place(label)
  assert.throws(() => p.place(label), { message: 'a label is placed twice' })
})

test('a NUL byte within a string', () => {
  const p = new Program('x64')
  assert.throws(() => p.call('chdir', ['/etc\0/passwd']), { name: 'TypeError', message: 'a NUL byte in "/etc\\u0000/passwd"' })
  assert.throws(() => p.strings(['a\0b']), TypeError)
})

test('a program that runs off its end', () => {
  const calls = new Program('x64')
  calls.call('getpid', [])
  assert.throws(() => link(calls), { message: 'op 0 (getpid) runs off the end of the program' })
  const labels = new Program('x64')
  const end = labels.label()
  labels.jump(end)
  labels.exit(0)
  labels.place(end)
  assert.throws(() => link(labels), { message: 'op 0 (compute) runs off the end of the program' })
  const forks = new Program('x64')
  forks.fork(() => forks.exit(0))
  assert.throws(() => link(forks), { message: 'op 0 (clone) runs off the end of the program' })
})

test('a program may end where nothing comes back', () => {
  for (const end of ['exit_group', 'execve'] as const) {
    const p = new Program('x64')
    p.call(end, end === 'execve' ? ['/bin/true', p.strings([]), p.strings([])] : [0])
    assert.ok(link(p).elf.length > 0)
  }
})

test('memory of another program', () => {
  const [one, other] = [new Program('x64'), new Program('x64')]
  one.call('uname', [other.buffer(400)])
  one.exit(0)
  assert.throws(() => link(one), { message: 'a block of another program' })
})

test('numbers that no register holds', () => {
  const p = new Program('x64')
  assert.throws(() => p.call('close', [Number.NaN]), { name: 'RangeError', message: 'op 0 (close): NaN is no integer' })
  assert.throws(() => p.call('lseek', [0, 0.5, 0]), { message: 'op 0 (lseek): 0.5 is no integer' })
  assert.throws(() => p.call('lseek', [0, 2 ** 60, 0]), RangeError, 'a number that is not exact must be a bigint')
  assert.doesNotThrow(() => p.call('lseek', [0, 2n ** 60n, 0]))
})

test('tolerated errors of a result of four bytes', () => {
  const p = new Program('x64')
  assert.throws(() => p.call('close', [0], { width: 4, tolerate: ['EBADF'] }), {
    message: 'close: a tolerated error is told from a result of eight bytes',
  })
})
