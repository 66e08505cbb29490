/**
 * What the places of a program's memory are called where the program is shown: a result by the name its cell was given or as
 * `v` and the index of its op, what a call fills in by the call's parameter (`statxbuf.stx_mode`).
 */
import type { Program } from './assembler.ts'
import type { Contents } from './contents.ts'
import type { Op } from './op.ts'
import { type Block, Cell, Ref } from './operand.ts'
import { MESSAGE_OFFSET } from './page.ts'
import type { Field, Layout } from './signatures/kind.ts'
import { SIGNALFD_LAYOUT } from './signatures/signals.ts'
import { parametersOf } from './signatures.ts'

/** What an assembler gives to results without a name. */
const AUTOMATIC = /^v\d+$/
/** What it gives to memory that is only compared. */
export const UNNAMED = 'memory'

interface Place {
  name: string | undefined
  /** Index of the first op that has to do with it. */
  readonly first: number
  read: boolean
}

interface Buffer {
  name: string
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

export const pageName = (offset: number, own: string | undefined): string => {
  const name = own ?? (offset === MESSAGE_OFFSET ? 'message' : undefined)
  return name !== undefined ? `page.${name}` : offset === 0 ? 'page' : `page+${offset}`
}

/** Which element of an array of structs, and the bytes into it. */
const elementOf = ({ name, layout }: Buffer, distance: number): { readonly path: string; readonly rest: number } => {
  const stride = layout?.stride
  if (stride === undefined) return { path: name, rest: distance }
  return { path: `${name}[${Math.floor(distance / stride)}]`, rest: distance % stride }
}

export class Names {
  readonly #program: Program
  readonly #contents: Contents
  readonly #places = new Map<Block, Map<number, Place>>()
  readonly #buffers = new Map<Block, Buffer>()
  readonly #observed = new Set<Block>()

  constructor(program: Program, contents: Contents) {
    this.#program = program
    this.#contents = contents
    for (const [index, op] of program.ops.entries()) {
      if (op.result !== undefined) this.#call(op.result, op.name, index)
      for (const arg of op.args) {
        if (arg instanceof Cell) this.#call(arg.ref, arg.name, index)
        if (op.judges !== undefined) continue // only looks at the result of its op
        if (arg instanceof Cell) this.#place(arg.ref, index).read = true
        if (arg instanceof Cell || arg instanceof Ref) this.#observe((arg instanceof Cell ? arg.ref : arg).block)
      }
    }
    for (const [index, op] of program.ops.entries()) this.#nameBuffers(op, index)
    this.#tellApart()
  }

  #place({ block, offset }: Ref, index: number): Place {
    const places = this.#places.get(block) ?? new Map<number, Place>()
    this.#places.set(block, places)
    const place = places.get(offset) ?? { name: undefined, first: index, read: false }
    places.set(offset, place)
    return place
  }

  /** A name that somebody chose goes before one that the assembler made up. */
  #call(at: Ref, name: string | undefined, index: number): void {
    const place = this.#place(at, index)
    if (name === undefined || name === UNNAMED) return
    if (place.name === undefined || (AUTOMATIC.test(place.name) && !AUTOMATIC.test(name))) place.name = name
  }

  #observe(block: Block): void {
    if (this.#observed.has(block)) return
    this.#observed.add(block)
    for (const { to } of block.pointers) this.#observe(to.block)
  }

  #nameBuffers(op: Op, index: number): void {
    if (op.call === 'compute') return
    const parameters = parametersOf(op.call, this.#program.arch)
    for (const [position, arg] of op.args.entries()) {
      const parameter = parameters[position]
      if (!(arg instanceof Ref) || parameter === undefined) continue
      const { block, offset } = arg
      const { name, kind } = parameter
      const places = this.#places.get(block)
      if (block.fixed !== undefined || this.#buffers.has(block) || places?.get(offset)?.name !== undefined) continue
      const used = block.bytes === undefined || (places !== undefined && [...places.values()].some(({ read }) => read))
      if (used) this.#buffers.set(block, { name, first: index, offset, layout: kind.layout ?? this.#contentOf(op) })
    }
  }

  /** What a read(2) gives is known by its descriptor. */
  #contentOf({ call, args: [fd] }: Op): Layout | undefined {
    if (call !== 'read' || !(fd instanceof Cell)) return undefined
    const writers = this.#contents.writersOf(fd.ref)
    return writers.length > 0 && writers.every((writer) => writer.call === 'signalfd4') ? SIGNALFD_LAYOUT : undefined
  }

  /** What several places are called is told apart by the index of their first op. */
  #tellApart(): void {
    const places = [...this.#places].flatMap(([{ fixed }, inside]) => (fixed === undefined ? [...inside.values()] : []))
    const called = Map.groupBy([...places, ...this.#buffers.values()], ({ name }) => name)
    for (const [name, same] of called) if (name !== undefined && same.length > 1) for (const one of same) one.name = `${name}${one.first}`
  }

  /** Whether anything looks at what is stored there. */
  isObserved({ block }: Ref): boolean {
    return block.fixed !== undefined || this.#observed.has(block)
  }

  /** The name of the place itself. */
  own({ block, offset }: Ref): string | undefined {
    return this.#places.get(block)?.get(offset)?.name
  }

  /** The name of the place, or what it is called as a part of a buffer. */
  name(at: Ref): string {
    const own = this.own(at)
    if (at.block.fixed !== undefined) return pageName(at.offset, own)
    if (own !== undefined) return own
    const buffer = this.#buffers.get(at.block)
    if (buffer === undefined) return at.offset === 0 ? UNNAMED : `${UNNAMED}+${at.offset}`
    const distance = at.offset - buffer.offset
    if (distance === 0) return buffer.name
    const { path, rest } = elementOf(buffer, distance)
    const field = buffer.layout?.fields.find(({ offset }) => offset === rest)
    return field === undefined ? `${buffer.name}+${distance}` : `${path}.${field.name}`
  }

  /** The field that the bits of `mask` lie in, counted from `at`. */
  part(at: Ref, mask: bigint): Part | undefined {
    const buffer = this.#buffers.get(at.block)
    if (mask === 0n || buffer?.layout === undefined || this.own(at) !== undefined) return undefined
    const [low, high] = [Math.floor(zeros(mask) / 8), Math.floor((mask.toString(2).length - 1) / 8)]
    const { path, rest } = elementOf(buffer, at.offset - buffer.offset + low)
    const [field] = buffer.layout.fields
      .filter(({ offset, width }) => offset <= rest && rest + high - low < offset + width)
      .sort((a, b) => a.width - b.width)
    return field === undefined ? undefined : { name: `${path}.${field.name}`, field, shift: 8 * (low - (rest - field.offset)) }
  }

  /** Whether an op reads there, or behind there in the block, what no op has stored. */
  isRead({ block, offset }: Ref): boolean {
    for (const [place, { read, name }] of this.#places.get(block) ?? []) if (place >= offset && read && name === undefined) return true
    return false
  }

  /** Whether what is there never changes, as far as can be seen. */
  isConstant(at: Ref): boolean {
    return at.block.bytes !== undefined && this.own(at) === undefined && !this.#buffers.has(at.block)
  }
}
