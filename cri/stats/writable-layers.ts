/**
 * What containers take on the disk. To count a tree may take long, so figures are of a while ago, and say of when. They are counted anew
 * while somebody asks, and for no more than a small part of the time. A tree that takes long is counted beside the others, slowly: what one
 * container writes keeps no figure of another’s waiting.
 */
import { realtime } from '../../runtime/sys/realtime.ts'
import { type TreeUsage, treeUsage } from './tree-usage.ts'

export interface LayerUsage extends TreeUsage {
  /** When the counting began; CLOCK_REALTIME in nanoseconds. */
  readonly at: bigint
}

/** Called every few milliseconds by who counts; goes on when it resolves. */
export type Pace = () => Promise<void>

export interface LayerOptions {
  /** Milliseconds for which a figure counts. */
  readonly fresh?: number
  /** So many times as long as was counted, nothing is. */
  readonly rest?: number
  readonly count?: (path: string, pace: Pace) => Promise<TreeUsage | undefined>
  readonly warn: (message: string) => void
}

interface Entry {
  readonly path: string
  usage?: LayerUsage
  /** Of performance.now(), when it may be counted again; undefined until it has been counted, or is known to take long. */
  due?: number
  wanted: boolean
}

const FRESH = 10_000
const REST = 30
/** Milliseconds of counting before there is a rest. */
const SHIFT = 10
/** Milliseconds after which a tree is one that takes long. */
const LONG = 50
/** Milliseconds that such a tree is left alone, after each few of counting. */
const PAUSE = 20

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds).unref())

export class WritableLayers {
  readonly #entries = new Map<string, Entry>()
  readonly #options: Required<LayerOptions>
  /** Those that nobody has counted yet come first. */
  #queue: Entry[] = []
  #working = false
  /** The last of the trees that take long: they are counted one after the other. */
  #long: Promise<void> = Promise.resolve()
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
    if (!entry.wanted && (entry.due === undefined || performance.now() >= entry.due)) {
      entry.wanted = true
      if (entry.due === undefined) this.#queue.unshift(entry)
      else this.#queue.push(entry)
      if (!this.#working) void this.#work()
    }
    return entry.usage
  }

  /** Resolves when all that was asked for has a figure, or takes long, or after so many milliseconds. */
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
    this.#settle(entry, 0)
  }

  /** Forgets all but these. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of [...this.#entries.keys()]) if (!ids.has(id)) this.forget(id)
  }

  #settle(entry: Entry, due: number): void {
    const first = entry.due === undefined
    entry.due = due
    if (!first) return
    this.#uncounted -= 1
    if (this.#uncounted === 0) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async #work(): Promise<void> {
    this.#working = true
    let worked = 0
    // who asks goes on first
    await null
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      const begun = performance.now()
      await this.#begin(entry)
      worked += performance.now() - begun
      if (worked < SHIFT) continue
      const rest = worked * this.#options.rest
      worked = 0
      await sleep(rest)
    }
    this.#working = false
  }

  /** Resolves when it is counted, or takes long: then it goes on by itself. */
  #begin(entry: Entry): Promise<void> {
    return new Promise((resolve) => {
      const begun = performance.now()
      let turn: Promise<void> | undefined
      let done: (() => void) | undefined
      const pace: Pace = async () => {
        if (turn === undefined) {
          if (performance.now() - begun < LONG) return immediate()
          turn = this.#long
          this.#long = new Promise((next) => {
            done = next
          })
          this.#settle(entry, entry.due ?? 0)
          resolve()
        }
        await turn
        await sleep(PAUSE)
      }
      void this.#count(entry, pace).then(() => {
        done?.()
        resolve()
      })
    })
  }

  async #count(entry: Entry, pace: Pace): Promise<void> {
    const at = realtime()
    const begun = performance.now()
    try {
      const usage = await this.#options.count(entry.path, pace)
      if (usage === undefined) delete entry.usage
      else entry.usage = { at, ...usage }
    } catch (error) {
      this.#options.warn(`${entry.path}: cannot be counted: ${error instanceof Error ? error.message : String(error)}`)
    }
    const now = performance.now()
    this.#settle(entry, now + Math.max(this.#options.fresh, now - begun))
    entry.wanted = false
  }
}
