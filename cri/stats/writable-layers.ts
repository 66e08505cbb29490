/**
 * What containers take on the disk. To count a tree may take long, so figures are of a while ago, and say of when. They are counted anew
 * while somebody asks, one tree at a time, and for no more than a small part of the time.
 */
import { realtime } from '../../runtime/sys/realtime.ts'
import { type TreeUsage, treeUsage } from './tree-usage.ts'

export interface LayerUsage extends TreeUsage {
  /** When the counting began; CLOCK_REALTIME in nanoseconds. */
  readonly at: bigint
}

export interface LayerOptions {
  /** Milliseconds for which a figure counts. */
  readonly fresh?: number
  /** So many times as long as was counted, nothing is. */
  readonly rest?: number
  readonly count?: (path: string) => Promise<TreeUsage | undefined>
  readonly warn: (message: string) => void
}

interface Entry {
  readonly path: string
  usage?: LayerUsage
  /** Of performance.now(), when it was counted last. */
  counted?: number
  wanted: boolean
}

const FRESH = 10_000
const REST = 30
/** Milliseconds of counting before there is a rest. */
const SHIFT = 10

export class WritableLayers {
  readonly #entries = new Map<string, Entry>()
  readonly #options: Required<LayerOptions>
  /** Those that nobody has counted yet come first. */
  #queue: Entry[] = []
  #working = false
  /** Entries that nobody has counted yet, and who waits for there to be none. */
  #uncounted = 0
  #waiting: (() => void)[] = []

  constructor(options: LayerOptions) {
    this.#options = { fresh: FRESH, rest: REST, count: treeUsage, ...options }
  }

  /** The latest figure; undefined if there is none yet. `path`: the upper folder. */
  usage(id: string, path: string): LayerUsage | undefined {
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { path, wanted: false }
      this.#entries.set(id, entry)
      this.#uncounted += 1
    }
    if (!entry.wanted && (entry.counted === undefined || performance.now() - entry.counted >= this.#options.fresh)) {
      entry.wanted = true
      if (entry.counted === undefined) this.#queue.unshift(entry)
      else this.#queue.push(entry)
      if (!this.#working) void this.#work()
    }
    return entry.usage
  }

  /** Resolves when all that was asked for has a figure, or after so many milliseconds. */
  async settled(patience: number): Promise<void> {
    if (this.#uncounted === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  forget(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#queue = this.#queue.filter((one) => one !== entry)
    if (entry.counted === undefined) this.#settle()
    entry.counted = performance.now()
  }

  #settle(): void {
    this.#uncounted -= 1
    if (this.#uncounted === 0) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Forgets all but these. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of [...this.#entries.keys()]) if (!ids.has(id)) this.forget(id)
  }

  async #work(): Promise<void> {
    this.#working = true
    let worked = 0
    // who asks goes on first
    await null
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      const begun = performance.now()
      await this.#count(entry)
      worked += performance.now() - begun
      if (worked < SHIFT) continue
      const rest = worked * this.#options.rest
      worked = 0
      await new Promise<void>((resolve) => setTimeout(resolve, rest).unref())
    }
    this.#working = false
  }

  async #count(entry: Entry): Promise<void> {
    const at = realtime()
    try {
      const usage = await this.#options.count(entry.path)
      if (usage === undefined) delete entry.usage
      else entry.usage = { at, ...usage }
    } catch (error) {
      this.#options.warn(`${entry.path}: cannot be counted: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (entry.counted === undefined) this.#settle()
    entry.counted = performance.now()
    entry.wanted = false
  }
}
