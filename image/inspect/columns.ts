/** Columns of numbers that grow: a million rows of objects would be ten times the memory. */

type Column = Int32Array | Uint32Array | Uint16Array | Uint8Array | Float64Array

/** A capacity with room for `wanted` rows; pages of it that are never written cost nothing. */
export const capacityFor = (have: number, wanted: number): number => Math.max(wanted, have + (have >> 1), 1024)

/** The column with room for `rows`; the same one if it has it. */
export const grown = <T extends Column>(column: T, rows: number): T => {
  if (rows <= column.length) return column
  const make = column.constructor as new (length: number) => T
  const bigger = new make(rows)
  bigger.set(column)
  return bigger
}

/** Texts one behind the other in one buffer, by offset. */
export class TextArena {
  private bytes = Buffer.alloc(16384)
  private end = 0

  /** The offset of what was put there. `text` is UTF-8. */
  put(text: Uint8Array): number {
    if (this.end + text.length > this.bytes.length) {
      const bigger = Buffer.alloc(capacityFor(this.bytes.length, this.end + text.length))
      this.bytes.copy(bigger, 0, 0, this.end)
      this.bytes = bigger
    }
    this.bytes.set(text, this.end)
    this.end += text.length
    return this.end - text.length
  }

  get length(): number {
    return this.end
  }

  /** The buffer as it is until the next `put`. */
  get raw(): Uint8Array {
    return this.bytes
  }

  text(offset: number, length: number): string {
    return this.bytes.toString('utf8', offset, offset + length)
  }

  compare(offset: number, length: number, other: number, otherLength: number): number {
    return this.bytes.compare(this.bytes, other, other + otherLength, offset, offset + length)
  }

  /** True if `wanted[from…to)` stands at `offset`. */
  equals(offset: number, wanted: Uint8Array, from: number, to: number): boolean {
    for (let at = from, here = offset; at < to; at++, here++) if (this.bytes[here] !== wanted[at]) return false
    return true
  }
}
