/** A program as those see it who show it: the memory that kinds ask about. */
import type { Program } from './assembler.ts'
import { Contents } from './contents.ts'
import { Names, type Part, pageName, UNNAMED } from './names.ts'
import type { Op } from './op.ts'
import { Cell, type Operand, Ref } from './operand.ts'
import { type Memory, type Value, Variable } from './signatures/kind.ts'

export class View implements Memory {
  readonly program: Program
  /** For messages: names are as they were given, hence need not look at the whole program. */
  readonly brief: boolean
  readonly #contents: Contents
  #names: Names | undefined

  constructor(program: Program, { brief }: { readonly brief: boolean }) {
    this.program = program
    this.brief = brief
    this.#contents = new Contents(program)
  }

  /** Made when it is needed: it looks at every op. */
  get names(): Names {
    this.#names ??= new Names(this.program, this.#contents)
    return this.#names
  }

  /** How the result of an op is called; undefined where nobody looks at it. */
  resultOf({ result }: Op): string | undefined {
    return result !== undefined && this.names.isObserved(result) ? this.name(result) : undefined
  }

  value(operand: Operand): Value {
    if (operand instanceof Ref) return operand
    if (operand instanceof Cell) return new Variable(this.#nameOf(operand), operand.ref)
    if (typeof operand === 'number' || typeof operand === 'bigint') return BigInt.asUintN(64, BigInt(operand))
    throw new TypeError('a string or bytes that are not in the memory of the program')
  }

  #nameOf({ name, ref }: Cell): string {
    if (!this.brief || name === UNNAMED) return this.name(ref)
    return ref.block.fixed === undefined ? name : pageName(ref.offset, name)
  }

  name(at: Ref): string {
    return this.names.name(at)
  }

  part(at: Ref, mask: bigint): Part | undefined {
    return this.names.part(at, mask)
  }

  /** What is at a place that nobody names and nobody stores to. */
  constantAt(at: Ref): bigint | Ref | undefined {
    return this.#contents.bytes(at) !== undefined && this.names.isConstant(at) ? this.#contents.read(at, 8) : undefined
  }

  read(at: Ref, width: number): Value {
    return this.#contents.writersOf(at).length > 0 ? new Variable(this.name(at), at) : this.#contents.read(at, width)
  }

  bytes(at: Ref): Uint8Array | undefined {
    return this.#contents.bytes(at)
  }

  isRead(at: Ref): boolean {
    return !this.brief && this.names.isRead(at)
  }

  opened(at: Ref): string | undefined {
    const origin = this.#contents.origin(at)
    return origin === undefined ? undefined : `<${origin}>`
  }
}
