/** The failure page: which failure it keeps, and what becomes of a program that fails. Programs that are really executed. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { PAGE_SIZE } from '../../../runtime/program/layout.ts'
import { link } from '../../../runtime/program/link.ts'
import { MESSAGE_OFFSET, MESSAGE_SIZE, Page } from '../../../runtime/program/page.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { callsOf, injectFailure } from '../../support/inject.ts'
import { paged, run } from '../../support/program.ts'
import { onBoth } from './cases.ts'

const FAILED = 125

onBoth('a failure is recorded with its op and its result', (arch) => {
  const p = paged(arch)
  p.call('getpid', [])
  p.call('close', [999])
  p.exit(0)
  const image = link(p)
  const { status, page } = run(p, image)
  assert.equal(status, FAILED)
  assert.deepEqual(page.failure, { address: image.addressOf(2), result: -ERRNO.EBADF })
  assert.equal(image.opAt(page.failure!.address), p.ops[2])
})

onBoth('a result that is no error can be a failure', (arch) => {
  const p = paged(arch)
  p.call('read', [3, p.buffer(8), 0], { zero: 'fail' })
  p.exit(0)
  const image = link(p)
  const { status, page } = run(p, image)
  assert.deepEqual([status, page.failure], [FAILED, { address: image.addressOf(1), result: 0 }])
})

onBoth('a compare that fails records the difference', (arch) => {
  const p = paged(arch)
  p.compare(p.cell('value', 40), 42, { otherwise: 'fail' })
  p.exit(0)
  const image = link(p)
  assert.deepEqual(run(p, image).page.failure, { address: image.addressOf(1), result: -2 })
})

onBoth('an error that is not among those tolerated is recorded by the last judge', (arch) => {
  const p = paged(arch)
  p.call('close', [999], { tolerate: ['EPERM', 'ENOENT'] })
  p.exit(0)
  const image = link(p)
  const { status, page } = run(p, image)
  assert.equal(status, FAILED)
  const judge = image.opAt(page.failure!.address)
  assert.equal(judge?.judges?.op, p.ops[1])
  assert.equal(page.failure!.result + judge!.judges!.offset, -ERRNO.EBADF)
})

onBoth('the first failure of all processes is the one that is kept', (arch) => {
  const p = paged(arch)
  const child = p.fork(() => p.call('close', [999]) && p.exit(0))
  const status = p.buffer(8)
  p.call('wait4', [child, status, 0, 0])
  p.compare(status, FAILED << 8, { otherwise: 'fail' })
  p.call('dup3', [998, 997, 0])
  p.exit(0)
  const image = link(p)
  const { page, status: own } = run(p, image)
  assert.equal(own, FAILED)
  assert.deepEqual(page.failure, { address: image.addressOf(2), result: -ERRNO.EBADF })
})

onBoth('of many that fail at once one is kept whole', (arch) => {
  const p = paged(arch)
  const gate = p.buffer(8)
  p.call('pipe2', [gate, 0])
  const reader = p.compute(gate, { mask: 0xffff_ffff })
  const writer = p.compute(gate.plus(4), { mask: 0xffff_ffff })
  const results = new Map<number, number>()
  for (let child = 1; child <= 8; child += 1)
    p.fork(() => {
      const own = p.cell('own', -child)
      p.call('close', [writer])
      p.call('read', [reader, p.buffer(8), 1]) // the end of the file once the parent has made them all
      results.set(p.ops.length, -child)
      p.compute(own, {}, { negative: 'fail' })
      p.exit(0)
    })
  p.call('close', [writer])
  const [again, done] = [p.label(), p.label()]
  p.place(again)
  p.call('wait4', [-1, 0, 0, 0], { positive: again, tolerate: { ECHILD: done } })
  p.place(done)
  p.exit(0)
  const image = link(p)
  const { page, status } = run(p, image)
  assert.equal(status, 0)
  const kept = [...results].find(([index]) => image.addressOf(index) === page.failure?.address)
  assert.ok(kept !== undefined)
  assert.equal(page.failure?.result, kept[1])
})

onBoth('what is to be done before a failure is done, and the failure is the first one’s', (arch) => {
  const p = paged(arch)
  p.callOr(() => p.call('write', [1, 'before', 6]), 'getpid', [])
  p.callOr(
    () => {
      p.call('write', [1, 'behind', 6])
      p.call('close', [998], { negative: 'next' })
    },
    'dup3',
    [999, 1, 0],
  )
  p.exit(0)
  const image = link(p)
  const { output, status, page } = run(p, image)
  assert.deepEqual([output, status, page.failure?.result], ['behind', FAILED, -ERRNO.EBADF])
  assert.equal(image.opAt(page.failure!.address)?.judges?.op.call, 'dup3')
})

onBoth('a program that fails before it has its page is ended by a signal', (arch) => {
  const p = new Program(arch)
  p.call('close', [999])
  p.exit(0)
  const { signal, page } = run(p)
  assert.equal(signal, 'SIGSEGV')
  assert.equal(page.failure, undefined)
})

onBoth('a text that the program read about its failure is in the page', (arch) => {
  const p = paged(arch)
  p.call('readlinkat', [-100, '/proc/self/cwd', p.page.plus(MESSAGE_OFFSET), MESSAGE_SIZE - 1])
  p.call('close', [999])
  p.exit(0)
  assert.equal(run(p).page.message, process.cwd())
})

onBoth('every call of a program can be made to fail', (arch) => {
  const program = () => {
    const p = paged(arch)
    p.call('getpid', [])
    p.call('getuid', [], { tolerate: ['EPERM'] })
    p.exit(0)
    return p
  }
  assert.deepEqual(callsOf(program()), [0, 1, 2, 4])
  const injected = (index: number, errno: 'EIO' | 'EPERM') => {
    const p = program()
    injectFailure(p, index, errno)
    const image = link(p)
    return { ...run(p, image), image }
  }
  assert.equal(injected(0, 'EIO').signal, 'SIGSEGV')
  const { page, status, image } = injected(1, 'EIO')
  assert.deepEqual([status, page.failure], [FAILED, { address: image.addressOf(1), result: -ERRNO.EIO }])
  assert.equal(injected(2, 'EPERM').status, 0, 'tolerated')
  assert.equal(injected(2, 'EIO').status, FAILED)
})

test('injecting names what cannot be', () => {
  const p = new Program('x64')
  p.set(p.buffer(8), 1)
  assert.throws(() => injectFailure(p, 0, 'EIO'), { message: 'op 0 is not a system call' })
  assert.throws(() => injectFailure(p, 1, 'EIO'), { message: 'no op 1' })
})

test('an empty page says nothing', () => {
  const page = new Page(Buffer.alloc(PAGE_SIZE))
  assert.equal(page.failure, undefined)
  assert.equal(page.message, '')
  assert.equal(page.word(16), 0)
})

test('a page is read as it is written down', () => {
  const bytes = Buffer.alloc(PAGE_SIZE)
  bytes.writeBigUInt64LE(0x801060n, 0)
  bytes.writeBigInt64LE(-13n, 8)
  bytes.writeBigInt64LE(-1n, 24)
  bytes.write('e overlay: no\n\0rest', MESSAGE_OFFSET)
  const page = new Page(bytes)
  assert.deepEqual(page.failure, { address: 0x801060, result: -13 })
  assert.equal(page.word(24), -1)
  assert.equal(page.message, 'e overlay: no')
  assert.equal(new Page(bytes.fill('x', MESSAGE_OFFSET)).message.length, MESSAGE_SIZE)
})
