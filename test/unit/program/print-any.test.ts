/** Whatever a program is made of, it can be printed, and the failure of each of its ops can be told. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { failureOf } from '../../../runtime/program/failure.ts'
import { PAGE_SIZE } from '../../../runtime/program/layout.ts'
import { link } from '../../../runtime/program/link.ts'
import type { Operand } from '../../../runtime/program/operand.ts'
import { Page } from '../../../runtime/program/page.ts'
import { print } from '../../../runtime/program/print.ts'
import { SIGNATURES } from '../../../runtime/program/signatures.ts'
import type { SyscallName } from '../../../runtime/sys/abi/syscalls.ts'

/** The same numbers each time: a linear congruential generator, its upper bits. */
const generator = (seed: number) => {
  let state = BigInt(seed)
  return (below: number): number => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
    return Number(state >> 33n) % below
  }
}

const CALLS = Object.keys(SIGNATURES) as SyscallName[]
const NUMBERS = [0, 1, -1, 2, 3, 7, 88, 4096, 0xffff, 0x7fffffff, 0xffffffff, 0x100000000, -100]

const randomProgram = (seed: number): Program => {
  const random = generator(seed)
  const p = new Program(random(2) === 0 ? 'x64' : 'arm64')
  const cells = [p.cell('named'), p.cell(), p.shared(16, 'shared')]
  const buffers = [p.buffer(8), p.buffer(256), p.words([1, 2, 'three', 4, -1n]), p.words([0, 16, 1n << 60n])]
  const number = () => NUMBERS[random(NUMBERS.length)]!
  const operand = (): Operand => {
    switch (random(8)) {
      case 0:
        return cells[random(cells.length)]!
      case 1:
        return buffers[random(buffers.length)]!
      case 2:
        return buffers[random(buffers.length)]!.plus(random(9) * 8)
      case 3:
        return ['', 'word', 'two words', 'line\n', '\x01ü'][random(5)]!
      case 4:
        return Buffer.from([...Array(random(40))].map(() => random(256)))
      case 5:
        return p.words([...Array(random(8))].map(() => (random(3) === 0 ? buffers[random(buffers.length)]! : number())))
      case 6:
        return (BigInt(random(2 ** 30)) << BigInt(random(40))) - BigInt(random(100))
      default:
        return number()
    }
  }
  const labels = [p.label(), p.label()]
  const next = () => (['next', 'fail', ...labels] as const)[random(4)]!
  for (let count = 0; count < 30; count += 1) {
    if (random(4) > 0) {
      const into = random(3) === 0 ? { into: buffers[random(buffers.length)]!.plus(8 * random(4)) } : {}
      const tolerate = random(4) === 0 ? { tolerate: { ENOENT: labels[random(2)]!, EIO: labels[0]! } } : {}
      const call = CALLS[random(CALLS.length)]!
      cells.push(
        p.call(call, [...Array(random(7))].map(operand), { positive: next(), zero: next(), negative: next(), ...into, ...tolerate }),
      )
    } else if (random(2) === 0) {
      const source = random(2) === 0 ? cells[random(cells.length)]! : buffers[random(buffers.length)]!.plus(random(12))
      p.compare(source, number(), { mask: BigInt.asUintN(64, BigInt(number()) << BigInt(random(50))), equal: next(), otherwise: next() })
    } else
      p.compute(
        cells[random(cells.length)]!,
        { mask: number(), factor: random(5) - 2, constant: number(), addend: cells[random(cells.length)]! },
        { positive: next(), zero: next() },
      )
    if (random(5) === 0) p.during = ['a', 'a b', undefined, 'c'][random(4)]
  }
  for (const label of labels) p.place(label)
  p.exit(0)
  return p
}

test('two hundred programs', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const program = randomProgram(seed)
    const image = link(program)
    const text = print(program)
    assert.doesNotMatch(text, /undefined|\bNaN\b|\[object|Infinity/, `seed ${seed}`)
    assert.ok(
      text.split('\n').every((line) => !/[\x00-\x1f]/.test(line)),
      `seed ${seed}: one line per op`,
    )
    const bytes = Buffer.alloc(PAGE_SIZE)
    for (const [index, result] of [...program.ops.keys()].flatMap((op) => [-1, 0, 7].map((value) => [op, value] as const))) {
      bytes.writeBigUInt64LE(BigInt(image.addressOf(index)), 0)
      bytes.writeBigInt64LE(BigInt(result), 8)
      const message = failureOf(image, new Page(bytes))!.message
      assert.doesNotMatch(message, /undefined|\bNaN\b|\[object|\n/, `seed ${seed}, op ${index}`)
    }
  }
})
