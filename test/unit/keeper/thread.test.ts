import assert from 'node:assert/strict'
import test from 'node:test'
import { keeperProgram } from '../../../runtime/keeper/program.ts'
import { threadJumps } from '../../../runtime/keeper/program/thread.ts'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'
import { print } from '../../../runtime/program/print.ts'

const listing = (p: Program): string[] =>
  p.ops.map(({ call, positive, zero, negative }) =>
    [call, ...[positive, zero, negative].map((next) => (typeof next === 'string' ? next : String(next.index)))].join(' '),
  )

test('ops go where the jumps would have led them, and what nothing leads to is left out', () => {
  const p = new Program('x64')
  const [again, out, far] = [p.label(), p.label(), p.label()]
  p.place(again)
  p.call('getpid', [], { zero: out })
  p.jump(far)
  p.call('getppid', []) // nothing leads here
  p.place(out)
  p.jump(again)
  p.place(far)
  p.call('read', [0, 0, 0], { tolerate: { EAGAIN: again }, negative: out })
  p.exit(0)
  threadJumps(p)
  assert.deepEqual(
    listing(p),
    ['getpid next 0 fail', 'read 3 3 next', 'compute 0 0 0', 'exit_group next next fail'].map((line) =>
      line.replace('compute 0 0 0', 'compute 0 0 0'),
    ),
  )
  assert.equal(p.ops[2]!.judges?.op, p.ops[1])
})

test('a jump that leads to itself is an error, and a label that was not placed', () => {
  const endless = new Program('x64')
  const here = endless.label()
  endless.call('getpid', [])
  endless.place(here)
  endless.jump(here)
  assert.throws(() => threadJumps(endless), /a jump leads to itself/)
  const open = new Program('x64')
  open.call('getpid', [], { zero: open.label() })
  open.exit(0)
  assert.throws(() => threadJumps(open), /never placed/)
})

for (const arch of ['x64', 'arm64'] as const)
  for (const terminal of [false, true])
    test(`a keeper of ${arch} ${terminal ? 'with' : 'without'} a terminal fits into its pages`, () => {
      const p = keeperProgram({ arch, terminal })
      assert.ok(
        p.ops.every(({ call, args, result }) => call !== 'compute' || result !== undefined || args.some((arg) => arg !== 0)),
        'no jumps',
      )
      const { elf } = link(p)
      const [fileSize, memorySize] = [152, 160].map((at) => Number(Buffer.from(elf).readBigUInt64LE(at)))
      assert.ok(fileSize! <= (terminal ? 9 : 8) * 4096, `${fileSize} bytes of file`)
      assert.ok(memorySize! <= (terminal ? 12 : 11) * 4096, `${memorySize} bytes of memory`)
      assert.match(print(p), /execve/)
    })
