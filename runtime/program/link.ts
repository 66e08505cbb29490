/** Links a program: gives every op and block its address and writes the data segment. */
import { type Arch, syscallNumber } from '../sys/abi/syscalls.ts'
import type { Program } from './assembler.ts'
import { writeElf } from './elf.ts'
import { COMPUTE, DATA, OP } from './layout.ts'
import type { Next, Op } from './op.ts'
import { type Block, Cell, Ref } from './operand.ts'

export interface Image {
  readonly program: Program
  /** The executable. */
  readonly elf: Uint8Array
  /** The op at an address of the failure page. */
  readonly opAt: (address: number) => Op | undefined
  /** The address of an op, by its index. */
  readonly addressOf: (index: number) => number
}

/** After these there is no next op. */
const LAST: readonly string[] = ['exit_group', 'exit', 'execve', 'execveat']

/** Addresses of blocks: not known yet, and of blocks that nobody reads. */
const UNREAD = -1
const READ = 0

/** Marks a block that an op reads or that is pointed to. Results that nobody reads share one scratch word. */
const mark = (block: Block): void => {
  if (block.fixed !== undefined || (block.at ?? UNREAD) !== UNREAD) return
  block.at = READ
  for (const pointer of block.pointers) mark(pointer.to.block)
}

/** Gives the marked blocks their addresses: those with bytes first. Returns the end of the bytes and the end of all. */
const placeBlocks = (blocks: readonly Block[], from: number): { readonly initialized: number; readonly end: number } => {
  let top = from
  const place = (block: Block) => {
    block.at = Math.ceil(top / block.align) * block.align
    top = block.at + block.size
  }
  for (const block of blocks) if (block.at === READ && (block.words ?? block.bytes) !== undefined) place(block)
  const initialized = top
  for (const block of blocks) if (block.at === READ) place(block)
  return { initialized, end: top }
}

const addressOf = (index: number): number => DATA + index * OP.size

const addressIn = ({ block, offset }: Ref): number => {
  const base = block.fixed ?? block.at
  if (base === undefined || base <= READ) throw new Error('a block of another program')
  return base + offset
}

const next = (ops: readonly Op[], to: Next, index: number): number => {
  if (to === 'fail') return 0
  const target = to === 'next' ? index + 1 : to.index
  if (target === undefined) throw new Error(`op ${index} (${ops[index]?.call}) goes on at a label that was never placed`)
  if (target < ops.length) return addressOf(target)
  if (target === ops.length && to === 'next' && LAST.includes(ops[index]!.call)) return 0
  throw new Error(`op ${index} (${ops[index]?.call}) runs off the end of the program`)
}

/** Writes 64-bit words by halves: this is the hot path of a start, and BigInt is slow in code that runs once. */
const setWord = (halves: Uint32Array, half: number, value: number | bigint): void => {
  if (typeof value === 'number') {
    halves[half] = value
    halves[half + 1] = value < 0 || value > 0xffffffff ? Math.floor(value / 2 ** 32) : 0
  } else {
    halves[half] = Number(value & 0xffffffffn)
    halves[half + 1] = Number(BigInt.asUintN(32, value >> 32n))
  }
}

const HALF = {
  nr: OP.nr / 4,
  args: OP.args / 4,
  result: OP.result / 4,
  positive: OP.positive / 4,
  zero: OP.zero / 4,
  negative: OP.negative / 4,
  width: OP.width / 4,
  indirect: OP.indirect / 4,
  size: OP.size / 4,
} as const

/** Addresses are below 4 GiB: their upper halves stay zero. */
const writeOp = (halves: Uint32Array, ops: readonly Op[], index: number, arch: Arch, scratch: number): void => {
  const op = ops[index]!
  const at = index * HALF.size
  const { args, result } = op
  let indirect = 0
  setWord(halves, at + HALF.nr, op.call === 'compute' ? COMPUTE : syscallNumber(op.call, arch))
  for (let n = 0; n < args.length; n += 1) {
    const arg = args[n]!
    const half = at + HALF.args + 2 * n
    if (typeof arg === 'number' && arg >= 0 && arg <= 0xffffffff) halves[half] = arg
    else if (arg instanceof Cell) {
      indirect |= 1 << n
      halves[half] = addressIn(arg.ref)
    } else if (arg instanceof Ref) halves[half] = addressIn(arg)
    else setWord(halves, half, arg as number | bigint)
  }
  halves[at + HALF.result] = result === undefined || (result.block.fixed ?? result.block.at) === UNREAD ? scratch : addressIn(result)
  const behind = DATA + (index + 1) * OP.size
  const plain = index + 1 < ops.length
  halves[at + HALF.positive] = plain && op.positive === 'next' ? behind : next(ops, op.positive, index)
  halves[at + HALF.zero] = plain && op.zero === 'next' ? behind : next(ops, op.zero, index)
  if (op.negative !== 'fail') halves[at + HALF.negative] = next(ops, op.negative, index)
  halves[at + HALF.width] = op.width
  halves[at + HALF.indirect] = indirect
}

const writeBlock = (data: Uint8Array, halves: Uint32Array, block: Block): void => {
  const { at, words, pointers } = block
  if (at === undefined || at === UNREAD) return
  const from = at - DATA
  if (words !== undefined) for (let index = 0; index < words.length; index += 1) setWord(halves, from / 4 + 2 * index, words[index]!)
  else if (block.bytes !== undefined) data.set(block.bytes, from)
  for (const { offset, to } of pointers) setWord(halves, (from + offset) / 4, addressIn(to))
}

export const link = (program: Program): Image => {
  const { ops, blocks } = program
  for (const block of blocks) block.at = UNREAD
  for (const { args } of ops)
    for (let index = 0; index < args.length; index += 1) {
      const arg = args[index]
      if (arg instanceof Ref) mark(arg.block)
      else if (arg instanceof Cell) mark(arg.ref.block)
    }
  const scratch = addressOf(ops.length)
  const { initialized, end } = placeBlocks(blocks, scratch + 8)
  const data = new Uint8Array(Math.ceil((initialized - DATA) / 8) * 8)
  const halves = new Uint32Array(data.buffer)
  for (let index = 0; index < ops.length; index += 1) writeOp(halves, ops, index, program.arch, scratch)
  for (let index = 0; index < blocks.length; index += 1) writeBlock(data, halves, blocks[index]!)
  return {
    program,
    elf: writeElf(program.arch, data, Math.max(end - DATA, data.length)),
    opAt: (at) => ops[(at - DATA) / OP.size],
    addressOf,
  }
}
