/** What an operation's arguments can be. */

/** A run of bytes in the data segment (or the failure page); its address is known when the program is linked. */
export interface Block {
  /** Initial bytes; zeros where there are none. */
  readonly bytes: Uint8Array | undefined
  readonly size: number
  readonly align: number
  /** The bytes as 64-bit words, where that is what they are: the linker writes these, and nobody need make bytes of them. */
  readonly words?: readonly (number | bigint)[]
  /** Addresses to be stored into `bytes`, by offset. */
  readonly pointers: readonly { readonly offset: number; readonly to: Ref }[]
  /** Set for a block outside the data segment. */
  readonly fixed?: number
  /** Its address, given by link(). */
  at?: number
}

/** A block of 64-bit words. Its bytes are made when somebody looks at them, which is when a program is put into words. */
export class Words implements Block {
  readonly words: readonly (number | bigint)[]
  readonly pointers: Block['pointers']
  readonly size: number
  readonly align = 8
  at?: number
  #bytes: Uint8Array | undefined

  constructor(words: readonly (number | bigint)[], pointers: Block['pointers']) {
    this.words = words
    this.pointers = pointers
    this.size = words.length * 8
  }

  get bytes(): Uint8Array {
    if (this.#bytes !== undefined) return this.#bytes
    const bytes = Buffer.alloc(this.size)
    for (const [index, word] of this.words.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(word)), index * 8)
    this.#bytes = bytes
    return bytes
  }
}

/** An address: that of a block and an offset into it. */
export class Ref {
  readonly block: Block
  readonly offset: number
  constructor(block: Block, offset = 0) {
    this.block = block
    this.offset = offset
  }
  /** The address `bytes` further on. */
  plus(bytes: number): Ref {
    return new Ref(this.block, this.offset + bytes)
  }
}

/** Eight bytes of memory whose content is the argument at the time of the call. */
export class Cell {
  readonly ref: Ref
  /** How the printer calls it. */
  readonly name: string
  constructor(ref: Ref, name: string) {
    this.ref = ref
    this.name = name
  }
}

/** A string or bytes are passed by address; a string gets its NUL. */
export type Operand = number | bigint | string | Uint8Array | Ref | Cell
