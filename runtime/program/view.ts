/** A program as those see it who show it: the memory that kinds ask about. */
import type { Program } from './assembler.ts'
import { Contents } from './contents.ts'
import type { Part } from './buffers.ts'
import { fixedName, isChosen, Names } from './names.ts'
import type { Op } from './op.ts'
import { Cell, type Operand, Ref } from './operand.ts'
import { type Memory, type Value, Variable } from './signatures/kind.ts'

export class View implements Memory {
  readonly program: Program
  /** For messages: names are as they were given, hence need not look at the whole program. */
  readonly brief: boolean
  readonly #contents: Contents
  #names: Names | undefined
  /** The op that is being shown. */
  #index = 0

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

  /** What follows is asked for the op at `index`: memory can be one thing here and another there. */
  show(index: number): void {
    this.#index = index
  }

  /** How the result of an op is called; undefined where nobody looks at it. */
  resultOf({ result, width }: Op): string | undefined {
    if (result === undefined || !this.names.isObserved(result)) return undefined
    return this.part(result, (1n << BigInt(8 * width)) - 1n)?.name ?? this.name(result)
  }

  value(operand: Operand): Value {
    if (operand instanceof Ref) return operand
    if (operand instanceof Cell) return new Variable(() => this.#nameOf(operand), operand.ref)
    if (typeof operand === 'number' || typeof operand === 'bigint') return BigInt.asUintN(64, BigInt(operand))
    throw new TypeError('a string or bytes that are not in the memory of the program')
  }

  #nameOf({ name, ref }: Cell): string {
    if (!this.brief || !isChosen(name)) return this.name(ref)
    return ref.block.fixed === undefined ? name : fixedName(ref, name)
  }

  name(at: Ref): string {
    return this.names.name(at, this.#index)
  }

  address(at: Ref): string {
    return this.names.address(at, this.#index)
  }

  part(at: Ref, mask: bigint): Part | undefined {
    return this.names.part(at, mask, this.#index)
  }

  /** What is at a place that nobody names and nobody stores to. */
  constantAt(at: Ref): bigint | Ref | undefined {
    return this.#contents.bytes(at) !== undefined && this.names.isConstant(at) ? this.#contents.read(at, 8) : undefined
  }

  read(at: Ref, width: number): Value {
    return this.#contents.writersOf(at).length > 0 ? new Variable(() => this.name(at), at) : this.#contents.read(at, width)
  }

  bytes(at: Ref): Uint8Array | undefined {
    return this.#contents.bytes(at)
  }

  isRead(at: Ref): boolean {
    return !this.brief && this.names.isRead(at)
  }

  descriptor(number: number): string | undefined {
    const name = this.program.descriptors.get(number)
    return name === undefined ? undefined : `<${name}>`
  }

  opened(at: Ref): string | undefined {
    const origin = this.#contents.origin(at)
    return origin === undefined ? undefined : `<${origin}>`
  }
}
