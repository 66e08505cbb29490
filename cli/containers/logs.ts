/** The output of a container as `logs` shows it: by lines, out of records that know nothing of lines. */
import type { SpoolRecord, Stream } from '../../runtime/keeper/spool.ts'
import { formatTime } from './times.ts'

const NEWLINE = 0x0a

export interface LineOptions {
  /** Nanoseconds since the epoch: lines that began then or later. */
  readonly since?: bigint
  /** Lines that began then or earlier. */
  readonly until?: bigint
  /** Each line begins with the time at which it began. */
  readonly timestamps: boolean
}

/** Chooses lines, by when they began, and marks them. Bytes stay what they are; a line that has not ended is shown as far as it is there. */
export class LineFilter {
  readonly #options: LineOptions
  /** Of each stream in the middle of a line: whether it is shown. */
  readonly #open = new Map<Stream, boolean>()

  constructor(options: LineOptions) {
    this.#options = options
  }

  #wanted(time: bigint): boolean {
    const { since, until } = this.#options
    return (since === undefined || time >= since) && (until === undefined || time <= until)
  }

  /** What of the record is to be shown; empty where nothing is. */
  push({ time, stream, payload }: Pick<SpoolRecord, 'time' | 'stream' | 'payload'>): Uint8Array {
    const parts: Uint8Array[] = []
    const mark = this.#options.timestamps ? Buffer.from(`${formatTime(time)} `) : undefined
    const wanted = this.#wanted(time)
    for (let at = 0; at < payload.length; ) {
      const newline = payload.indexOf(NEWLINE, at)
      const end = newline < 0 ? payload.length : newline + 1
      const begun = this.#open.get(stream)
      const shown = begun ?? wanted
      if (shown && begun === undefined && mark !== undefined) parts.push(mark)
      if (shown) parts.push(payload.subarray(at, end))
      if (newline < 0) this.#open.set(stream, shown)
      else this.#open.delete(stream)
      // without marks the rest of the record is one piece
      if (mark === undefined && newline >= 0 && end < payload.length && wanted) {
        const last = payload.lastIndexOf(NEWLINE) + 1
        parts.push(payload.subarray(end, last))
        at = last
      } else at = end
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }
}
