/** How results get into arguments, structs and the page: programs that are really executed. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Program } from '../../../runtime/program/assembler.ts'
import { Cell, Ref } from '../../../runtime/program/operand.ts'
import { AT_FDCWD, O_RDONLY } from '../../../runtime/sys/abi/fcntl.ts'
import { MAP_FIXED, MAP_SHARED, PROT_READ, PROT_WRITE } from '../../../runtime/sys/abi/mman.ts'
import { paged, PAGE_FD, run } from '../../support/program.ts'
import { onBoth } from './cases.ts'

const [FIRST, SECOND, THIRD] = [16, 24, 32]

const withFile = (content: Uint8Array | string, use: (path: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-data-'))
  try {
    writeFileSync(join(folder, 'file'), content)
    use(join(folder, 'file'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

onBoth('the result of one call is an argument of the next', (arch) => {
  withFile('as long as it is', (path) => {
    const p = paged(arch)
    const buffer = p.buffer(64)
    const fd = p.call('openat', [AT_FDCWD, path, O_RDONLY, 0])
    const length = p.call('read', [fd, buffer, 64])
    p.call('write', [1, buffer, length])
    p.exit(0)
    assert.equal(run(p).output, 'as long as it is')
  })
})

onBoth('the status of the exit can be a result', (arch) => {
  const p = paged(arch)
  p.exit(p.call('dup3', [1, 42, 0]))
  assert.deepEqual(run(p).status, 42)
})

/** A word at an address that the data segment does not reach. */
const at = (p: Program, address: number): Ref => new Ref({ ...p.page.block, fixed: address })

for (const argument of [0, 1, 2, 3, 4, 5])
  onBoth(`argument ${argument} of a call can be the content of a cell`, (arch) => {
    const file = Buffer.alloc(2 * 0x10000)
    file.write('at the offset', 0x10000)
    withFile(file, (path) => {
      const p = paged(arch)
      const fd = p.call('openat', [AT_FDCWD, path, 2, 0])
      const address = 0x300000
      p.call('dup3', [fd, 60, 0])
      const constants = [address, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 60, 0x10000]
      const args = constants.map((value, index) => (index === argument ? p.cell('argument', value) : value))
      p.call('mmap', args, { into: p.shared(FIRST, 'mapped') })
      p.call('write', [1, at(p, address), 13])
      // the last byte of the mapping is writable: length and protection came through
      p.set(at(p, address + 0xfff8), 7)
      p.copy(at(p, address + 0xfff8), p.shared(SECOND, 'last'))
      p.exit(0)
      const { output, page, status } = run(p)
      assert.deepEqual(
        { output, mapped: page.word(FIRST), last: page.word(SECOND), status },
        { output: 'at the offset', mapped: address, last: 7, status: 0 },
      )
    })
  })

onBoth('a result of four bytes leaves its neighbours alone', (arch) => {
  const p = paged(arch)
  const word = p.words([0x1111_1111_2222_2222n, 0x3333_3333_4444_4444n])
  p.call('dup3', [1, 7, 0], { into: word.plus(4), width: 4 })
  p.call('dup3', [1, 8, 0], { into: word.plus(8), width: 4 })
  p.copy(word, p.shared(FIRST, 'first'))
  p.copy(word.plus(8), p.shared(SECOND, 'second'))
  p.set(p.shared(THIRD, 'third'), 5)
  p.set(p.shared(THIRD, 'third'), -1, 4)
  p.exit(0)
  const { page } = run(p)
  assert.equal(BigInt(page.word(FIRST)), 0x7_2222_2222n)
  assert.equal(page.word(SECOND), Number(0x3333_3333_0000_0008n))
  assert.equal(page.word(THIRD), 0xffff_ffff)
})

onBoth('a result of four bytes has the sign of all eight', (arch) => {
  const p = paged(arch)
  const failed = p.label()
  const word = p.words([0])
  p.call('close', [999], { into: word, width: 4, negative: failed })
  p.exit(1)
  p.place(failed)
  p.copy(word, p.shared(FIRST, 'error'))
  p.exit(0)
  const { page, status } = run(p)
  assert.deepEqual([status, page.word(FIRST)], [0, 0xffff_fff7])
})

onBoth('structs hold addresses of strings, of buffers and of places within', (arch) => {
  const p = paged(arch)
  const text = p.string('abcdef')
  const nested = p.words(['gh'])
  const vectors = p.words([text, 1, text.plus(3), 2, Buffer.from('XY'), 2, 0, 0])
  p.copy(nested, vectors.plus(48))
  p.set(vectors.plus(56), 2)
  p.call('writev', [1, vectors, 4], { into: p.shared(FIRST, 'written') })
  p.exit(0)
  const { output, page } = run(p)
  assert.deepEqual([output, page.word(FIRST)], ['adeXYgh', 7])
})

onBoth('a string is kept once, UTF-8, with a NUL', (arch) => {
  const p = paged(arch)
  assert.equal(p.string('ü'), p.string('ü'))
  p.call('write', [1, p.bytes(Buffer.from('ü|')), 3])
  p.call('write', [1, 'ü', 3])
  p.exit(0)
  assert.equal(run(p).output, 'ü|ü\0')
})

onBoth('buffers are zero and aligned as asked', (arch) => {
  const p = paged(arch)
  p.string('odd')
  const aligned = p.buffer(24, 4096)
  const address = new Cell(p.words([aligned]), 'address')
  p.compute(address, { mask: 4095 }, { into: p.shared(FIRST, 'low bits') })
  p.copy(aligned.plus(16), p.shared(SECOND, 'content'))
  p.call('read', [0, p.buffer(8), 0], { negative: 'next' })
  p.exit(0)
  const { page, status } = run(p)
  assert.deepEqual([status, page.word(FIRST), page.word(SECOND)], [0, 0, 0])
})

const COMPUTATIONS: readonly (readonly [
  name: string,
  value: bigint,
  options: { mask?: bigint; factor?: number; addend?: bigint; constant?: bigint },
  result: bigint,
])[] = [
  ['a copy', 5n, {}, 5n],
  ['a mask', 0x1234n, { mask: 0xffn }, 0x34n],
  ['the highest bit', -1n, { mask: 1n << 63n }, -(1n << 63n)],
  ['a factor', 7n, { factor: 16 }, 112n],
  ['a negative factor', 7n, { factor: -3 }, -21n],
  ['an addend', 7n, { addend: 35n }, 42n],
  ['a constant', 7n, { constant: -8n }, -1n],
  ['a constant of 64 bits', 0n, { constant: 0x1234_5678_9abc_def0n }, 0x1234_5678_9abc_def0n],
  ['all of it', 0x1ffn, { mask: 0xf0n, factor: 2, addend: 100n, constant: -1n }, 579n],
  ['overflow', (1n << 63n) - 1n, { constant: 1n }, -(1n << 63n)],
  ['an overflowing product', 1n << 62n, { factor: 4, constant: 3n }, 3n],
]

onBoth('((value & mask) * factor) + addend + constant', (arch) => {
  const p = paged(arch)
  const result = (index: number) => p.page.plus(64 + 8 * index)
  for (const [index, [, value, { addend, ...options }]] of COMPUTATIONS.entries())
    p.compute(
      p.words([value]),
      { ...options, ...(addend === undefined ? {} : { addend: p.cell('addend', addend) }) },
      { into: result(index) },
    )
  p.exit(0)
  const { page, status } = run(p)
  assert.equal(status, 0)
  for (const [index, [name, , , expected]] of COMPUTATIONS.entries()) assert.equal(page.word(64 + 8 * index), Number(expected), name)
})

onBoth('cells begin with a value, are set and are copied', (arch) => {
  const p = paged(arch)
  const one = p.cell('one', 11)
  const other = p.cell()
  p.copy(one, other)
  p.copy(other, p.shared(FIRST, 'first'))
  p.set(one, -3)
  p.copy(one, p.shared(SECOND, 'second'))
  p.compute(other, { constant: 1 }, { into: other })
  p.copy(other, p.shared(THIRD, 'third'))
  p.exit(0)
  const { page } = run(p)
  assert.deepEqual([page.word(FIRST), page.word(SECOND), page.word(THIRD)], [11, -3, 12])
})

onBoth('a result that nobody reads disturbs nothing', (arch) => {
  const p = paged(arch)
  const kept = p.cell('kept', 1)
  for (let count = 0; count < 10; count += 1) p.call('getpid', [])
  p.copy(kept, p.shared(FIRST, 'kept'))
  p.exit(0)
  assert.equal(run(p).page.word(FIRST), 1)
})

onBoth('a program of thousands of ops with megabytes of memory', (arch) => {
  const p = paged(arch)
  const large = p.buffer(4 << 20)
  const sum = p.cell('sum')
  for (let count = 0; count < 3000; count += 1) p.compute(sum, { constant: count }, { into: sum })
  p.set(large.plus((4 << 20) - 8), 9)
  p.compute(sum, { addend: new Cell(large.plus((4 << 20) - 8), 'end') }, { into: p.shared(FIRST, 'sum') })
  p.call('read', [PAGE_FD, large, 0])
  p.exit(0)
  assert.equal(run(p).page.word(FIRST), (3000 * 2999) / 2 + 9)
})

onBoth('execve gets its arguments and its environment', (arch) => {
  const p = paged(arch)
  p.call('execve', ['/bin/sh', p.strings(['sh', '-c', 'echo $0 $1 $HELLO', 'zero', 'one']), p.strings(['HELLO=world'])])
  const { output, status } = run(p)
  assert.deepEqual([output, status], ['zero one world\n', 0])
})
