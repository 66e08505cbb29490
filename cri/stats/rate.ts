/** CPUs in use: how fast a counter of CPU time grows. */

/** Nanoseconds: what is asked for more often is answered by the last interval that was at least this long. */
const SHORTEST = 1_000_000_000n
/** What was read longer ago says nothing of now. */
const LONGEST = 120_000_000_000n

interface Reading {
  /** Of a clock that only goes forward. */
  readonly at: bigint
  readonly total: number
}

export class Rate {
  #older: Reading | undefined
  #newer: Reading | undefined

  /** Billionths of a CPU since an earlier reading; undefined if there was none, or none that counts. `total`: nanoseconds of CPU time. */
  add(at: bigint, total: number): number | undefined {
    const now = { at, total }
    // of a cgroup that was made anew
    if (this.#newer !== undefined && total < this.#newer.total) this.#newer = this.#older = undefined
    if (this.#newer === undefined) {
      this.#newer = now
      return undefined
    }
    if (at - this.#newer.at >= SHORTEST) {
      this.#older = this.#newer
      this.#newer = now
    }
    const since = this.#older
    if (since === undefined || at - since.at > LONGEST) return undefined
    return Math.round(((total - since.total) / Number(at - since.at)) * 1e9)
  }
}
