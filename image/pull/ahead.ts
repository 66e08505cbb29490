/**
 * Downloading ahead of unpacking: while all threads are busy with other layers, a blob comes and is written down unlooked-at. Who unpacks it
 * afterwards reads that part from the disk, verifies all of it, and goes on with the same stream.
 */
import { write } from 'node:fs'
import { promisify } from 'node:util'
import { Interrupt } from './interrupt.ts'
import type { Pace } from './pace.ts'

const writeAt: (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => Promise<{ bytesWritten: number }> =
  promisify(write)

export class Ahead {
  readonly #source: AsyncIterable<Uint8Array>
  readonly #pace: Pace
  /** Nothing is asked for before there is one. */
  #iterator: AsyncIterator<Uint8Array> | undefined
  readonly #fd: number
  #position: number
  /** What was asked for and not yet used. */
  #pending: Promise<IteratorResult<Uint8Array>> | undefined
  #ended = false

  /** Bytes of `source` belong to `position` of the file and behind it. */
  constructor(source: AsyncIterable<Uint8Array>, fd: number, position: number, pace: Pace) {
    this.#source = source
    this.#pace = pace
    this.#fd = fd
    this.#position = position
  }

  /** Where in the file the next byte belongs. */
  get position(): number {
    return this.#position
  }

  /** All has come. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * Until the end, or until `stop` settles: then at once, even if nothing comes. Pauses while there is no use in it. Throws what the
   * source and write(2) do.
   */
  async run(stop: Promise<unknown>, onProgress: (position: number) => void): Promise<void> {
    const stopped = new Interrupt(stop)
    for (;;) {
      if (this.#pending === undefined) await this.#pace.untilStarved(stopped)
      if (stopped.set) return
      this.#pending ??= this.#next()
      const next = await stopped.or(this.#pending)
      if (next === undefined) return
      if (next.done === true) {
        this.#ended = true
        return
      }
      await this.#write(next.value)
      this.#pending = undefined
      onProgress(this.#position)
    }
  }

  /** What `run` has left, for who goes on. */
  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = await (this.#pending ?? this.#next())
        this.#pending = undefined
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await this.end()
    }
  }

  /** Ends the stream; idempotent. */
  async end(): Promise<void> {
    await this.#iterator?.return?.()
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    this.#iterator ??= this.#source[Symbol.asyncIterator]()
    return this.#iterator.next()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await writeAt(this.#fd, bytes, at, bytes.length - at, this.#position)
      at += bytesWritten
      this.#position += bytesWritten
    }
  }
}
