/**
 * Calls that make or end something keep the process busy for some ten milliseconds each. When many come at once, one begins per turn of the
 * event loop, so that what others ask is answered in between.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #taken = false

  /** Resolves when it is one’s turn: at once, if nobody else has begun in this one. */
  async take(): Promise<void> {
    if (this.#taken) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
      return
    }
    this.#taken = true
    setImmediate(() => this.#next())
  }

  #next(): void {
    const next = this.#waiting.shift()
    if (next === undefined) {
      this.#taken = false
      return
    }
    setImmediate(() => this.#next())
    next()
  }
}
