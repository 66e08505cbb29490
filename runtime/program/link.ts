/** Links a program: gives every op and block its address and writes the data segment. */
import { syscallNumber } from '../sys/abi/syscalls.ts'
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

/** Blocks whose content is read by an op or pointed to; results that nobody reads share one scratch word. */
const readBlocks = (program: Program): Set<Block> => {
  const read = new Set<Block>()
  const visit = (block: Block) => {
    if (read.has(block)) return
    read.add(block)
    for (const pointer of block.pointers) visit(pointer.to.block)
  }
  for (const op of program.ops) {
    for (const arg of op.args)
      if (arg instanceof Ref) visit(arg.block)
      else if (arg instanceof Cell) visit(arg.ref.block)
  }
  return read
}

/** After these there is no next op. */
const LAST: readonly string[] = ['exit_group', 'exit', 'execve', 'execveat']

export const link = (program: Program): Image => {
  const { ops } = program
  const addresses = new Map<Block, number>()
  let top = DATA + ops.length * OP.size
  const scratch = top
  top += 8
  const read = readBlocks(program)
  const place = (block: Block) => {
    top = Math.ceil(top / block.align) * block.align
    addresses.set(block, top)
    top += block.size
  }
  const blocks = program.blocks.filter((block) => read.has(block))
  for (const block of blocks) if (block.bytes !== undefined) place(block)
  const initialized = top
  for (const block of blocks) if (block.bytes === undefined) place(block)

  const addressOf = (index: number) => DATA + index * OP.size
  const address = ({ block, offset }: Ref): number => {
    const base = block.fixed ?? addresses.get(block)
    if (base === undefined) throw new Error('a block of another program')
    return base + offset
  }
  const next = (to: Next, index: number): number => {
    if (to === 'fail') return 0
    const target = to === 'next' ? index + 1 : to.index
    if (target === undefined) throw new Error(`op ${index} (${ops[index]?.call}) goes on at a label that was never placed`)
    if (target === ops.length && to === 'next' && LAST.includes(ops[index]!.call)) return 0
    if (target >= ops.length) throw new Error(`op ${index} (${ops[index]?.call}) runs off the end of the program`)
    return addressOf(target)
  }

  const data = Buffer.alloc(initialized - DATA)
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const word = (at: number, value: number | bigint) => view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true)
  for (const [index, op] of ops.entries()) {
    const at = index * OP.size
    let indirect = 0
    word(at + OP.nr, op.call === 'compute' ? COMPUTE : syscallNumber(op.call, program.arch))
    for (const [n, arg] of op.args.entries()) {
      if (arg instanceof Cell) indirect |= 1 << n
      word(at + OP.args + 8 * n, arg instanceof Cell ? address(arg.ref) : arg instanceof Ref ? address(arg) : (arg as number | bigint))
    }
    const result = op.result
    word(at + OP.result, result === undefined || !(result.block.fixed !== undefined || read.has(result.block)) ? scratch : address(result))
    word(at + OP.positive, next(op.positive, index))
    word(at + OP.zero, next(op.zero, index))
    word(at + OP.negative, next(op.negative, index))
    view.setUint32(at + OP.width, op.width, true)
    view.setUint32(at + OP.indirect, indirect, true)
  }
  for (const block of blocks) {
    if (block.bytes === undefined) continue
    const at = address(new Ref(block)) - DATA
    data.set(block.bytes, at)
    for (const pointer of block.pointers) word(at + pointer.offset, address(pointer.to))
  }
  return {
    program,
    elf: writeElf(program.arch, data, top - DATA),
    opAt: (at) => ops[(at - DATA) / OP.size],
    addressOf,
  }
}
