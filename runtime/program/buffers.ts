/** Memory that calls fill in: what it is called, and which fields it has, is known by the call. */
import type { Arch } from '../sys/abi/syscalls.ts'
import type { Program } from './assembler.ts'
import type { Contents } from './contents.ts'
import type { Op } from './op.ts'
import { type Block, Cell, Ref } from './operand.ts'
import type { Field, Layout } from './signatures/kind.ts'
import { SIGNALFD_LAYOUT } from './signatures/signals.ts'
import { parametersOf } from './signatures.ts'

/** A block as one parameter of a call has it. */
export interface Buffer {
  /** The parameter's, made unique. */
  name: string
  /** Index of the first call with it. */
  readonly first: number
  readonly offset: number
  readonly layout: Layout | undefined
}

/** A part of what is read at some place. */
export interface Part {
  readonly name: string
  readonly field: Field
  /** Bits before it. */
  readonly shift: number
}

const zeros = (bits: bigint): number => {
  let count = 0
  for (let rest = bits; (rest & 1n) === 0n; rest >>= 1n) count += 1
  return count
}

/** Which element of an array of structs, and the bytes into it. */
const elementOf = ({ name, layout }: Buffer, distance: number): { readonly path: string; readonly rest: number } => {
  const stride = layout?.stride
  if (stride === undefined) return { path: name, rest: distance }
  return { path: `${name}[${Math.floor(distance / stride)}]`, rest: distance % stride }
}

interface Use {
  /** Index of the call. */
  readonly index: number
  readonly buffer: Buffer
}

const fieldAt = ({ fields, stride }: Layout, distance: number): Field | undefined =>
  fields.find(({ offset }) => offset === (stride === undefined ? distance : distance % stride))

/** What is not a struct has one field without a name. */
const joined = (path: string, { name }: Field): string => (name === '' ? path : `${path}.${name}`)

export class Buffers {
  readonly #arch: Arch
  readonly #contents: Contents
  readonly #isUsed: (block: Block) => boolean
  readonly #all = new Map<Block, Buffer[]>()
  readonly #uses = new Map<Block, Use[]>()

  /** @param isUsed whether a block is worth a name: a constant is written as it is. */
  constructor({ ops, arch }: Program, contents: Contents, isUsed: (block: Block) => boolean) {
    this.#arch = arch
    this.#contents = contents
    this.#isUsed = isUsed
    for (const [index, op] of ops.entries()) this.#addArguments(op, index)
  }

  #addArguments(op: Op, index: number): void {
    if (op.call === 'compute') return
    const parameters = parametersOf(op.call, this.#arch)
    for (const [position, arg] of op.args.entries()) {
      const parameter = parameters[position]
      if (arg instanceof Ref && parameter !== undefined)
        this.#addWithin(arg, parameter.name, index, parameter.kind.layout?.(this.#arch) ?? this.#contentOf(op))
    }
  }

  /** What is pointed to, and what pointers in it point to. */
  #addWithin(at: Ref, name: string, index: number, layout: Layout | undefined): void {
    if (at.block.fixed === undefined && this.#isUsed(at.block)) this.add(at, name, index, layout)
    if (layout === undefined) return
    for (const { offset, to } of at.block.pointers) {
      const field = offset < at.offset ? undefined : fieldAt(layout, offset - at.offset)
      if (field !== undefined) this.#addWithin(to, field.name, index, field.kind.layout?.(this.#arch))
    }
  }

  add({ block, offset }: Ref, name: string, index: number, layout?: Layout): void {
    const known = this.#all.get(block) ?? []
    this.#all.set(block, known)
    const same = known.find((other) => other.name === name && other.offset === offset && other.layout === layout)
    const buffer = same ?? { name, first: index, offset, layout }
    if (same === undefined) known.push(buffer)
    const uses = this.#uses.get(block) ?? []
    this.#uses.set(block, uses)
    uses.push({ index, buffer })
  }

  /** What a read(2) gives is known by its descriptor. */
  #contentOf({ call, args: [fd] }: Op): Layout | undefined {
    if (call !== 'read' || !(fd instanceof Cell)) return undefined
    const writers = this.#contents.writersOf(fd.ref)
    return writers.length > 0 && writers.every((writer) => writer.call === 'signalfd4') ? SIGNALFD_LAYOUT : undefined
  }

  get all(): IterableIterator<[Block, readonly Buffer[]]> {
    return this.#all.entries()
  }

  has(block: Block): boolean {
    return this.#all.has(block)
  }

  /** The buffer that a place is a part of: of the last call before an op, or of the first one of all. */
  find({ block, offset }: Ref, index: number): Buffer | undefined {
    const uses = this.#uses.get(block) ?? []
    const around = uses.filter(({ buffer }) => buffer.offset <= offset)
    const near = around.length > 0 ? around : uses
    return (near.findLast((use) => use.index <= index) ?? near[0])?.buffer
  }

  /** The name of what is kept at a place: of a field if one begins there. */
  name(at: Ref, index: number): string | undefined {
    const buffer = this.find(at, index)
    if (buffer === undefined) return undefined
    const distance = at.offset - buffer.offset
    const field = distance <= 0 || buffer.layout === undefined ? undefined : fieldAt(buffer.layout, distance)
    if (field !== undefined) return joined(elementOf(buffer, distance).path, field)
    return distance === 0 ? buffer.name : `${buffer.name}[${distance}]`
  }

  /** How the address of a place is written. */
  address(at: Ref, index: number): string | undefined {
    const buffer = this.find(at, index)
    const distance = buffer === undefined ? 0 : at.offset - buffer.offset
    return buffer === undefined || distance === 0 ? buffer?.name : `${buffer.name}${distance < 0 ? '-' : '+'}${Math.abs(distance)}`
  }

  /** The narrowest field that the bits of `mask` lie in, counted from `at`. */
  part(at: Ref, mask: bigint, index: number): Part | undefined {
    const buffer = this.find(at, index)
    if (mask === 0n || buffer?.layout === undefined || at.offset < buffer.offset) return undefined
    const [low, high] = [Math.floor(zeros(mask) / 8), Math.floor((mask.toString(2).length - 1) / 8)]
    const { path, rest } = elementOf(buffer, at.offset - buffer.offset + low)
    const [field] = buffer.layout.fields
      .filter(({ offset, width }) => offset <= rest && rest + high - low < offset + width)
      .sort((a, b) => a.width - b.width)
    return field === undefined ? undefined : { name: joined(path, field), field, shift: 8 * (low - (rest - field.offset)) }
  }
}
