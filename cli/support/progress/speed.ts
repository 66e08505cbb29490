/** How fast something goes: bytes over the last few seconds, so that what was long ago does not count. */

const WINDOW_MS = 4000
const SAMPLE_MS = 200

export class Speed {
  readonly #samples: (readonly [time: number, bytes: number])[] = []

  /** @param now milliseconds of a clock that does not jump */
  add(bytes: number, now: number): void {
    const last = this.#samples.at(-1)
    // what begins again begins again
    if (last !== undefined && bytes < last[1]) this.#samples.length = 0
    else if (last !== undefined && now - last[0] < SAMPLE_MS) return
    this.#samples.push([now, bytes])
    while (this.#samples.length > 2 && now - this.#samples[0]![0] > WINDOW_MS) this.#samples.shift()
  }

  /** Bytes a second; undefined as long as nobody can tell. */
  at(bytes: number, now: number): number | undefined {
    const first = this.#samples[0]
    if (first === undefined || now - first[0] < SAMPLE_MS) return undefined
    return Math.max(0, (bytes - first[1]) / ((now - first[0]) / 1000))
  }
}
