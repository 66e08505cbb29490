/** What an operation's arguments can be. */

/** A run of bytes in the data segment (or the failure page); its address is known when the program is linked. */
export interface Block {
  /** Initial bytes; zeros where there are none. */
  readonly bytes: Uint8Array | undefined
  readonly size: number
  readonly align: number
  /** Addresses to be stored into `bytes`, by offset. */
  readonly pointers: readonly { readonly offset: number; readonly to: Ref }[]
  /** Set for a block outside the data segment. */
  readonly fixed?: number
  /** Its address, given by link(). */
  at?: number
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
