/**
 * What the places of a program's memory are called where the program is shown: a result by the name its cell was given or as
 * `v` and the index of its op, what a call fills in by the call's parameter (`statxbuf.stx_mode`).
 */
import type { Program } from './assembler.ts'
import { Buffers, type Part } from './buffers.ts'
import type { Contents } from './contents.ts'
import { PAGE } from './layout.ts'
import { type Block, Cell, Ref } from './operand.ts'
import { MESSAGE_OFFSET } from './page.ts'

/** What an assembler gives to results without a name. */
const AUTOMATIC = /^v\d+$/
/** What it gives to memory that is only compared. */
const UNNAMED = 'memory'
export const isChosen = (name: string): boolean => name !== UNNAMED && !AUTOMATIC.test(name)
/** Bytes of a cell. */
const WORD = 8

const chosen = (name: string | undefined): string | undefined => (name !== undefined && isChosen(name) ? name : undefined)

interface Place {
  name: string | undefined
  /** Index of the first op that has to do with it. */
  first: number
  read: boolean
}

/** A place outside the data segment: in the page, or in what the parent has laid out. */
export const fixedName = ({ block, offset }: Ref, own: string | undefined): string => {
  if (block.fixed !== PAGE) return own ?? `0x${(block.fixed! + offset).toString(16)}`
  const name = own ?? (offset === MESSAGE_OFFSET ? 'message' : undefined)
  return name !== undefined ? `page.${name}` : offset === 0 ? 'page' : `page[${offset}]`
}

const fixedAddress = (at: Ref, own: string | undefined): string => {
  if (at.block.fixed !== PAGE) return `0x${(at.block.fixed! + at.offset).toString(16)}`
  return own === undefined && at.offset !== MESSAGE_OFFSET && at.offset !== 0 ? `page+${at.offset}` : fixedName(at, own)
}

export class Names {
  readonly #places = new Map<Block, Map<number, Place>>()
  /** The blocks that something looks at, with the first op that does. */
  readonly #observed = new Map<Block, number>()
  readonly #buffers: Buffers

  constructor(program: Program, contents: Contents) {
    for (const [index, op] of program.ops.entries())
      if (op.result !== undefined) this.#call(op.result, op.name !== undefined && isChosen(op.name) ? op.name : `v${index}`, index)
    for (const [index, op] of program.ops.entries())
      for (const arg of op.args) {
        if (arg instanceof Cell) this.#call(arg.ref, arg.name, index)
        if (op.judges !== undefined) continue // only looks at the result of its op
        if (arg instanceof Cell) this.#place(arg.ref, index).read = true
        if (arg instanceof Cell || arg instanceof Ref) this.#observe((arg instanceof Cell ? arg.ref : arg).block, index)
      }
    const isUsed = (block: Block) => block.bytes === undefined || this.#places.has(block)
    this.#buffers = new Buffers(program, contents, isUsed)
    for (const [block, first] of this.#observed)
      if (block.fixed === undefined && !this.#buffers.has(block) && (block.bytes === undefined || contents.isStoredTo(block)))
        if (this.#places.get(block)?.get(0)?.name === undefined || block.size > WORD) this.#buffers.add(new Ref(block), 'buf', first)
    this.#nameParts()
    this.#tellApart()
  }

  #place({ block, offset }: Ref, index: number): Place {
    const places = this.#places.get(block) ?? new Map<number, Place>()
    this.#places.set(block, places)
    const place = places.get(offset) ?? { name: undefined, first: index, read: false }
    places.set(offset, place)
    place.first = Math.min(place.first, index)
    return place
  }

  /** A name that somebody chose goes before one that the assembler made up. */
  #call(at: Ref, name: string | undefined, index: number): void {
    const place = this.#place(at, index)
    if (name === undefined || name === UNNAMED) return
    if (place.name === undefined || (!isChosen(place.name) && isChosen(name))) place.name = name
  }

  #observe(block: Block, index: number): void {
    if (this.#observed.has(block)) return
    this.#observed.set(block, index)
    for (const { to } of block.pointers) this.#observe(to.block, index)
  }

  /** A made-up name tells less than the place in a buffer; in a struct that is written out with its fields it tells more. */
  #nameParts(): void {
    for (const [block, buffers] of this.#buffers.all) {
      if (block.size <= WORD || (block.bytes !== undefined && buffers.every(({ layout }) => layout !== undefined))) continue
      for (const place of this.#places.get(block)?.values() ?? [])
        if (place.name !== undefined && AUTOMATIC.test(place.name)) place.name = undefined
    }
  }

  /** What several places are called is told apart by the index of their first op. */
  #tellApart(): void {
    const named = [...this.#places].flatMap(([block, places]) => (block.fixed === undefined ? [...places.values()] : []))
    const own = (block: Block, offset: number) => this.#places.get(block)?.get(offset)?.name
    const buffers = [...this.#buffers.all].flatMap(([block, list]) => list.filter(({ offset }) => own(block, offset) === undefined))
    for (const [name, same] of Map.groupBy([...named, ...buffers], (one) => one.name)) {
      if (name === undefined || same.length === 1) continue
      const given = new Set<string>()
      for (const one of same) {
        one.name = `${name}${one.first}`
        while (given.has(one.name)) one.name += '_'
        given.add(one.name)
      }
    }
  }

  /** Whether anything looks at what is stored there. */
  isObserved({ block }: Ref): boolean {
    return block.fixed !== undefined || this.#observed.has(block)
  }

  /** The name of the place itself. */
  own({ block, offset }: Ref): string | undefined {
    return this.#places.get(block)?.get(offset)?.name
  }

  /** The name of the place, or what it is called as a part of a buffer, where the op at `index` has to do with it. */
  name(at: Ref, index: number): string {
    const own = this.own(at)
    if (at.block.fixed !== undefined) return fixedName(at, chosen(own))
    return own ?? this.#buffers.name(at, index) ?? (at.offset === 0 ? UNNAMED : `${UNNAMED}[${at.offset}]`)
  }

  /** How the address of the place is written, where the op at `index` has it. */
  address(at: Ref, index: number): string {
    const own = this.own(at)
    if (at.block.fixed !== undefined) return fixedAddress(at, chosen(own))
    return own ?? this.#buffers.address(at, index) ?? (at.offset === 0 ? UNNAMED : `${UNNAMED}+${at.offset}`)
  }

  /** The field that the bits of `mask` lie in, counted from `at`. */
  part(at: Ref, mask: bigint, index: number): Part | undefined {
    const own = this.own(at)
    const part = own === undefined || !isChosen(own) ? this.#buffers.part(at, mask, index) : undefined
    return own === undefined || (part !== undefined && part.shift > 0) ? part : undefined // a made-up name is that of the first field
  }

  /** Whether an op reads there, or behind there in the block, what has no name of its own. */
  isRead({ block, offset }: Ref): boolean {
    for (const [place, { read, name }] of this.#places.get(block) ?? []) if (place >= offset && read && name === undefined) return true
    return false
  }

  /** Whether what is there never changes, as far as can be seen. */
  isConstant(at: Ref): boolean {
    return at.block.bytes !== undefined && this.own(at) === undefined && !this.#buffers.has(at.block)
  }
}
