/** Bytes of a client that wait for whoever takes them: one reader, and a bound that the writer is to heed. */

/** Bytes that wait at most, but for the last chunk. */
const MOST = 256 * 1024

export class Inbox implements AsyncIterable<Uint8Array> {
  #chunks: Uint8Array[] = []
  #size = 0
  #ended = false
  #dropping = false
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  /** Undefined: more at once; else resolves when there is room again. */
  push(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#ended || this.#dropping || bytes.length === 0) return undefined
    this.#chunks.push(bytes)
    this.#size += bytes.length
    this.#wakeReader?.()
    if (this.#size < MOST) return undefined
    return new Promise((resolve) => {
      const before = this.#wakeWriter
      this.#wakeWriter = () => {
        before?.()
        resolve()
      }
    })
  }

  /** Nothing more comes. What is there is still read. Idempotent. */
  end(): void {
    this.#ended = true
    this.#wakeReader?.()
    this.#release()
  }

  /** Nobody reads it any more: what is there and what comes is dropped. */
  drop(): void {
    this.#dropping = true
    this.#chunks = []
    this.#size = 0
    this.#wakeReader?.()
    this.#release()
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      while (!this.#dropping) {
        const chunk = this.#chunks.shift()
        if (chunk !== undefined) {
          this.#size -= chunk.length
          if (this.#size < MOST) this.#release()
          yield chunk
        } else if (this.#ended) return
        else
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve
          })
      }
    } finally {
      this.drop()
    }
  }

  #release(): void {
    const wake = this.#wakeWriter
    this.#wakeWriter = undefined
    wake?.()
  }
}
