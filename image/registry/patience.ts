/** How often, and how long, a failing registry is asked again. */
import type { Limits } from './options.ts'
import { backOff, sleep } from './wait.ts'

export interface Trouble {
  /** What is thrown if this was the last try. */
  readonly error: Error
  /** Throw it if it is not the first of its kind. */
  readonly once?: boolean | undefined
  /** Milliseconds that the registry asked to wait. */
  readonly wait?: number | undefined
}

export class Patience {
  readonly #limits: Limits
  readonly #tries: number
  readonly #name: string
  readonly #signal: AbortSignal | undefined
  #failures = 0
  #onces = 0
  #bytes = 0

  constructor(limits: Limits, name: string, signal: AbortSignal | undefined, tries = limits.tries) {
    this.#limits = limits
    this.#tries = tries
    this.#name = name
    this.#signal = signal
  }

  /** Failures since there was progress. */
  get failures(): number {
    return this.#failures
  }

  /** So many more bytes are there. */
  progress(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < this.#limits.progress) return
    this.#bytes = 0
    this.#failures = 0
    this.#onces = 0
  }

  /** Waits for the time of the next try; throws the error if there is to be none. */
  async failed({ error, once, wait }: Trouble): Promise<void> {
    if (once === true) this.#onces++
    if (++this.#failures >= this.#tries || this.#onces > 1) throw error
    this.#bytes = 0
    await sleep(Math.max(wait ?? 0, backOff(this.#failures, this.#limits)), this.#signal, this.#name)
  }
}
