/**
 * What unpacking waits for: the network, or the processor. Downloading ahead helps where connections are slow one by one; where blobs come
 * faster than they can be unpacked, it takes processor time and memory from those that are being unpacked.
 */

import type { Interrupt } from './interrupt.ts'

/** Milliseconds after which what was counts for a third. */
const WINDOW = 1000
/** Milliseconds of waiting for the network from which it is believed. */
const EVIDENCE = 150
/** Times as long as for the processor. */
const MARGIN = 1.5
const LOOK_AGAIN = 100

export class Pace {
  /** Milliseconds spent waiting, weighted. */
  #forNetwork = 0
  #forThread = 0
  /** Streams that wait now. */
  #onNetwork = 0
  #onThread = 0
  #at = 0
  readonly #now: () => number

  constructor(now = () => performance.now()) {
    this.#now = now
  }

  /** True if streams wait for the network most of the time. */
  get starved(): boolean {
    this.#advance()
    return this.#forNetwork > EVIDENCE && this.#forNetwork > MARGIN * this.#forThread
  }

  /** The stream, looked at while it is unpacked. */
  async *measured(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const iterator = source[Symbol.asyncIterator]()
    try {
      for (;;) {
        this.#advance()
        this.#onNetwork += 1
        const next = await iterator.next().finally(() => {
          this.#advance()
          this.#onNetwork -= 1
        })
        if (next.done === true) return
        this.#onThread += 1
        try {
          yield next.value
        } finally {
          this.#advance()
          this.#onThread -= 1
        }
      }
    } finally {
      await iterator.return?.()
    }
  }

  /** Resolves when it is starved, or `stop` is set. */
  async untilStarved(stop: Interrupt): Promise<void> {
    while (!stop.set && !this.starved) {
      let timer: NodeJS.Timeout | undefined
      const pause = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LOOK_AGAIN)
      })
      await stop.or(pause)
      clearTimeout(timer)
    }
  }

  #advance(): void {
    const now = this.#now()
    const passed = now - this.#at
    this.#at = now
    const left = Math.exp(-passed / WINDOW)
    this.#forNetwork = this.#forNetwork * left + passed * this.#onNetwork
    this.#forThread = this.#forThread * left + passed * this.#onThread
  }
}
