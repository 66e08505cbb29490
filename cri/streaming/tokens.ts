/** What has been asked for by RPC and not been connected to yet. A token is worth one connection, and less than a minute old. */
import { randomBytes } from 'node:crypto'
import { WherryError } from '../../runtime/errors.ts'

/** Milliseconds. */
export const LIFETIME = 60_000
/** At a time. */
export const MOST = 1000

/** 192 bits, base64url. */
const BYTES = 24
export const TOKEN = /^[A-Za-z0-9_-]{32}$/

interface Entry<T> {
  readonly value: T
  readonly until: number
}

export class Tokens<T> {
  /** In the order in which they end. */
  readonly #entries = new Map<string, Entry<T>>()
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  /** @param now milliseconds of a clock that does not go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  get size(): number {
    this.#expire()
    return this.#entries.size
  }

  /** Throws `resource-exhausted`. */
  add(value: T): string {
    if (this.size >= MOST)
      throw new WherryError('resource-exhausted', `${MOST} streaming requests wait for their clients: try again within a minute`)
    const token = randomBytes(BYTES).toString('base64url')
    this.#entries.set(token, { value, until: this.#now() + LIFETIME })
    this.#schedule()
    return token
  }

  /** Undefined: never given out, used, or too old. */
  take(token: string): T | undefined {
    this.#expire()
    const entry = this.#entries.get(token)
    this.#entries.delete(token)
    return entry?.value
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#entries.clear()
  }

  #expire(): void {
    const now = this.#now()
    for (const [token, { until }] of this.#entries) {
      if (until > now) return
      this.#entries.delete(token)
    }
  }

  /** What nobody comes for does not stay in memory either. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.size > 0) this.#schedule()
    }, LIFETIME).unref()
  }
}
