/**
 * Ops as plain data, for a process that reads the failure page of a program it did not compile: cheap to write, because it is
 * written each time, and turned into words only when something has failed (failure.ts).
 */
import type { Arch } from '../sys/abi/syscalls.ts'
import { Program } from './assembler.ts'
import type { Image } from './link.ts'
import type { Op } from './op.ts'
import { Cell, type Operand, Ref } from './operand.ts'

/** A number in decimal, the text of a string, or the name of a cell; other memory is not kept. */
type SavedOperand = { readonly n: string } | { readonly s: string } | { readonly c: string } | null

interface SavedOp {
  readonly address: number
  readonly call: Op['call']
  readonly args: readonly SavedOperand[]
  readonly during?: string | undefined
  readonly waitStatus?: boolean
  /** Address of the op that this one judges, and by how much its result is off. */
  readonly judges?: readonly [address: number, offset: number]
}

export interface SavedOps {
  readonly arch: Arch
  readonly ops: readonly SavedOp[]
}

const saveOperand = (operand: Operand): SavedOperand => {
  if (typeof operand === 'number' || typeof operand === 'bigint') return { n: String(operand) }
  if (operand instanceof Cell) return { c: operand.name }
  if (!(operand instanceof Ref) || operand.offset !== 0 || operand.block.pointers.length > 0 || operand.block.words !== undefined)
    return null
  const bytes = operand.block.bytes
  return bytes === undefined || bytes.at(-1) !== 0 || bytes.indexOf(0) !== bytes.length - 1
    ? null
    : { s: Buffer.from(bytes.subarray(0, -1)).toString() }
}

/** The ops from `from` on. */
export const saveOps = ({ program, addressOf }: Image, from: number): SavedOps => {
  return {
    arch: program.arch,
    ops: program.ops.slice(from).map(({ call, args, during, judges, waitStatus }, index) => ({
      address: addressOf(from + index),
      call,
      args: args.map(saveOperand),
      during,
      ...(waitStatus ? { waitStatus } : {}),
      ...(judges === undefined ? {} : { judges: [addressOf(program.ops.indexOf(judges.op)), judges.offset] as const }),
    })),
  }
}

/** An image of which only the ops can be asked for. */
export const restoreOps = ({ arch, ops }: SavedOps): Image => {
  const program = new Program(arch)
  const byAddress = new Map<number, Op>()
  for (const { address, call, args, during, judges, waitStatus } of ops) {
    const judged = judges === undefined ? undefined : byAddress.get(judges[0])
    const op: Op = {
      call,
      args: args.map((arg) =>
        arg === null
          ? program.buffer(8)
          : 'n' in arg
            ? BigInt(arg.n)
            : 's' in arg
              ? program.string(arg.s)
              : new Cell(program.buffer(8), arg.c),
      ),
      result: undefined,
      width: 8,
      positive: 'next',
      zero: 'next',
      negative: 'fail',
      during,
      waitStatus: waitStatus === true,
      name: undefined,
      judges: judged === undefined ? undefined : { op: judged, offset: judges![1] },
    }
    program.ops.push(op)
    byAddress.set(address, op)
  }
  return { program, elf: new Uint8Array(), opAt: (address) => byAddress.get(address), addressOf: (index) => ops[index]!.address }
}
