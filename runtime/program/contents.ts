/** What a program's memory holds before it runs, and which ops change it. */
import type { Program } from './assembler.ts'
import type { Op } from './op.ts'
import { type Block, Cell, type Operand, Ref } from './operand.ts'

/** How far back a descriptor's origin is looked for. */
const FARTHEST = 8
const ALL = BigInt.asUintN(64, -1n)

/** `text` up to its NUL. */
const terminated = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString()
}

/** The op stores what another place holds. */
const isCopy = ({ args: [, mask, factor, addend, constant] }: Op): boolean =>
  BigInt.asUintN(64, BigInt(mask as number | bigint)) === ALL && factor === 1 && addend === 0 && constant === 0

export class Contents {
  readonly #writers = new Map<Block, Map<number, Op[]>>()

  constructor({ ops }: Program) {
    for (const op of ops) {
      if (op.result === undefined) continue
      const { block, offset } = op.result
      const inside = this.#writers.get(block) ?? new Map<number, Op[]>()
      this.#writers.set(block, inside)
      const writers = inside.get(offset)
      if (writers === undefined) inside.set(offset, [op])
      else writers.push(op)
    }
  }

  /** The ops that store their result there. */
  writersOf({ block, offset }: Ref): readonly Op[] {
    return this.#writers.get(block)?.get(offset) ?? []
  }

  /** Whether any op stores its result in a block. */
  isStoredTo(block: Block): boolean {
    return this.#writers.has(block)
  }

  /** The initial content: `width` bytes, or the address that is kept there. */
  read({ block, offset }: Ref, width: number): bigint | Ref {
    const to = width === 8 ? block.pointers.find((pointer) => pointer.offset === offset)?.to : undefined
    if (to !== undefined) return to
    let value = 0n
    for (let byte = width - 1; byte >= 0; byte -= 1) value = (value << 8n) | BigInt(block.bytes?.[offset + byte] ?? 0)
    return value
  }

  /** The initial bytes from there to the end of the block, if no op changes them. */
  bytes({ block, offset }: Ref): Uint8Array | undefined {
    for (const place of this.#writers.get(block)?.keys() ?? []) if (place >= offset) return undefined
    return block.bytes?.subarray(offset)
  }

  /** The path or the type of file system that all who store a descriptor there open. */
  origin(at: Ref, farthest = FARTHEST): string | undefined {
    const origins = new Set(this.writersOf(at).map((op) => this.#opens(op, farthest)))
    const [origin] = origins
    return origins.size === 1 ? origin : undefined
  }

  #opens(op: Op, farthest: number): string | undefined {
    const { call, args } = op
    const from = (arg: Operand | undefined) => (arg instanceof Cell && farthest > 0 ? this.origin(arg.ref, farthest - 1) : undefined)
    const text = (arg: Operand | undefined) => {
      const bytes = arg instanceof Ref ? this.bytes(arg) : undefined
      return bytes === undefined ? undefined : terminated(bytes)
    }
    switch (call) {
      case 'openat':
      case 'openat2':
      case 'open_tree':
      case 'open_tree_attr':
      case 'fspick': {
        const path = text(args[1])
        return path === '' || path === '.' ? from(args[0]) : path
      }
      case 'fsopen':
      case 'memfd_create':
        return text(args[0])
      case 'fsmount':
      case 'dup':
      case 'fcntl':
        return from(args[0])
      case 'compute':
        return isCopy(op) ? from(args[0]) : undefined
      default:
        return undefined
    }
  }
}
