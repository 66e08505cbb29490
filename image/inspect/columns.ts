/**
 * Columns of numbers and texts that grow by pieces: a million rows of objects would be ten times the memory, and arrays that are copied
 * to grow twice.
 */

type Piece = Int32Array | Uint16Array | Uint8Array | Float64Array

const SHIFT = 15
const ROWS = 1 << SHIFT
const MASK = ROWS - 1

/** Rows that were never set are 0. */
export class Column {
  readonly #pieces: Piece[] = []
  readonly #make: (rows: number) => Piece

  constructor(make: (rows: number) => Piece) {
    this.#make = make
  }

  get(row: number): number {
    const piece = this.#pieces[row >>> SHIFT]
    return piece === undefined ? 0 : piece[row & MASK]!
  }

  set(row: number, value: number): void {
    let piece = this.#pieces[row >>> SHIFT]
    if (piece === undefined) {
      piece = this.#make(ROWS)
      this.#pieces[row >>> SHIFT] = piece
    }
    piece[row & MASK] = value
  }
}

export const int32 = (): Column => new Column((rows) => new Int32Array(rows))
export const uint16 = (): Column => new Column((rows) => new Uint16Array(rows))
export const uint8 = (): Column => new Column((rows) => new Uint8Array(rows))
export const float64 = (): Column => new Column((rows) => new Float64Array(rows))

const PIECE_SHIFT = 20
/** Bytes of the longest text. */
export const LONGEST_TEXT = 1 << PIECE_SHIFT

/** Bytes one behind the other; an address fits an int32. */
export class Arena {
  readonly #pieces: Buffer[] = []
  #used = LONGEST_TEXT

  /** Bytes that are taken, more or less. */
  get size(): number {
    return this.#pieces.length * LONGEST_TEXT
  }

  /** The address of a copy. At most LONGEST_TEXT bytes. */
  put(bytes: Buffer, from = 0, to = bytes.length): number {
    if (this.#used + to - from > LONGEST_TEXT) {
      this.#pieces.push(Buffer.allocUnsafeSlow(LONGEST_TEXT))
      this.#used = 0
    }
    const address = (this.#pieces.length - 1) * LONGEST_TEXT + this.#used
    bytes.copy(this.#pieces.at(-1)!, this.#used, from, to)
    this.#used += to - from
    return address
  }

  slice(address: number, length: number): Buffer {
    const at = address & (LONGEST_TEXT - 1)
    return this.#pieces[address >>> PIECE_SHIFT]!.subarray(at, at + length)
  }

  compare(address: number, length: number, other: number, otherLength: number): number {
    const [at, otherAt] = [address & (LONGEST_TEXT - 1), other & (LONGEST_TEXT - 1)]
    const piece = this.#pieces[address >>> PIECE_SHIFT]!
    return piece.compare(this.#pieces[other >>> PIECE_SHIFT]!, otherAt, otherAt + otherLength, at, at + length)
  }

  /** True if `wanted[from…to)` stands at the address. */
  equals(address: number, wanted: Uint8Array, from: number, to: number): boolean {
    const piece = this.#pieces[address >>> PIECE_SHIFT]!
    for (let at = from, here = address & (LONGEST_TEXT - 1); at < to; at++, here++) if (piece[here] !== wanted[at]) return false
    return true
  }
}
