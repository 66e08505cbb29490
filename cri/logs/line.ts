/**
 * CRI's log format, a function of the records: `<RFC3339Nano> <stdout|stderr> <P|F> <text>`, one line each. F is a line that ended, P one that
 * goes on: it was longer than `MOST_TEXT`, or the output ended (containerd's internal/cri/io/logger.go, kubelet's kuberuntime/logs). Times
 * are those of the records that made the line known. However the output is split into records, the texts are the same.
 */
import type { SpoolRecord, Stream } from '../../runtime/keeper/spool.ts'

/** Bytes of text in a line: containerd's max_container_log_line_size. */
export const MOST_TEXT = 16 * 1024

const NEWLINE = 0x0a
const SECOND = 1_000_000_000n
/** `2026-11-20T20:12:05.123456789Z stdout F `. */
const MOST_HEAD = 64
/** Room that the longest line needs. */
export const MOST_LINE = MOST_HEAD + MOST_TEXT + 1
/** Below that, a loop is faster than a call. */
const SHORT = 48

/** Lines are put one behind the other into memory of the caller's. */
export class Output {
  readonly bytes: Buffer
  length = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  get room(): number {
    return this.bytes.length - this.length
  }

  put(bytes: Uint8Array, from: number, to: number): void {
    const { bytes: target } = this
    if (to - from < SHORT) {
      let at = this.length
      for (let index = from; index < to; index += 1) target[at++] = bytes[index]!
      this.length = at
    } else {
      target.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.length)
      this.length += to - from
    }
  }

  end(): void {
    this.bytes[this.length] = NEWLINE
    this.length += 1
  }
}

/** Nanoseconds since the epoch as RFC 3339 has them, in UTC, with nine digits: the server's time zone must not matter. */
export class Clock {
  #second = -1n
  #text = ''

  format(time: bigint): string {
    const second = time / SECOND
    if (second !== this.#second) {
      this.#second = second
      this.#text = new Date(Number(second) * 1000).toISOString().slice(0, -4)
    }
    return `${this.#text}${String(time % SECOND).padStart(9, '0')}Z`
  }
}

/** The beginning of a line whose end is yet to come. */
class Pending {
  bytes: Buffer = Buffer.alloc(0)
  length = 0

  add(payload: Buffer, from: number, to: number): void {
    const length = this.length + to - from
    if (length > this.bytes.length) {
      const grown = Buffer.alloc(Math.min(MOST_TEXT, Math.max(length, 2 * this.bytes.length, 256)))
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(payload.subarray(from, to), this.length)
    this.length = length
  }
}

const STREAMS = ['stdout', 'stderr'] as const

export class Formatter {
  readonly #clock = new Clock()
  readonly #pending: Readonly<Record<Stream, Pending>> = { stdout: new Pending(), stderr: new Pending() }
  #time = 0n

  /** No line has begun: what comes does not depend on what came. */
  get clean(): boolean {
    return this.#pending.stdout.length === 0 && this.#pending.stderr.length === 0
  }

  /**
   * Takes a record's payload from `from` on, as far as lines fit into `output`. Returns how far it has got: the length of the payload once all
   * is taken.
   */
  add({ time, stream, payload }: SpoolRecord, from: number, output: Output): number {
    const pending = this.#pending[stream]
    this.#time = time
    let heads: { readonly full: Buffer; readonly part: Buffer } | undefined
    for (let at = from; at < payload.length; ) {
      if (output.room < MOST_LINE) return at
      const newline = payload.indexOf(NEWLINE, at)
      const end = newline < 0 ? payload.length : newline
      const tooLong = pending.length + end - at > MOST_TEXT
      if (newline < 0 && !tooLong) {
        pending.add(payload, at, end)
        return end
      }
      heads ??= this.#heads(stream)
      const to = tooLong ? at + MOST_TEXT - pending.length : end
      const head = tooLong ? heads.part : heads.full
      output.put(head, 0, head.length)
      if (pending.length > 0) output.put(pending.bytes, 0, pending.length)
      pending.length = 0
      output.put(payload, at, to)
      output.end()
      at = tooLong ? to : to + 1
    }
    return payload.length
  }

  /** Lines that have begun are put out as partial ones. False: `output` has no room for them yet. */
  cut(output: Output): boolean {
    for (const stream of STREAMS) {
      const pending = this.#pending[stream]
      if (pending.length === 0) continue
      if (output.room < MOST_LINE) return false
      const { part } = this.#heads(stream)
      output.put(part, 0, part.length)
      output.put(pending.bytes, 0, pending.length)
      output.end()
      pending.length = 0
    }
    return true
  }

  /** Gives back memory that an idle container does not need. */
  rest(): void {
    for (const stream of STREAMS) if (this.#pending[stream].length === 0) this.#pending[stream].bytes = Buffer.alloc(0)
  }

  #heads(stream: Stream): { readonly full: Buffer; readonly part: Buffer } {
    const head = `${this.#clock.format(this.#time)} ${stream}`
    return { full: Buffer.from(`${head} F `, 'latin1'), part: Buffer.from(`${head} P `, 'latin1') }
  }
}
