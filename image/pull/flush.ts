/**
 * Writing to the disk while layers are being unpacked, and not only at the end of each: of 60,000 small files a third of the wait is left
 * then.
 */
import { closeSync, openSync } from 'node:fs'
import { syncfs } from '../../runtime/sys/syncfs.ts'

/** Milliseconds between two. */
const EVERY = 700

export class Flush {
  readonly #fd: number
  readonly #timer: NodeJS.Timeout
  /** Layers that are being unpacked. */
  #active = 0
  #flushing: Promise<void> | undefined

  /** Of the file system of this folder. */
  constructor(folder: string) {
    this.#fd = openSync(folder, 'r')
    this.#timer = setInterval(() => this.#flush(), EVERY)
  }

  /** It goes on as long as any such work. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#active += 1
    try {
      return await work()
    } finally {
      this.#active -= 1
    }
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#flushing
    closeSync(this.#fd)
  }

  #flush(): void {
    if (this.#active === 0 || this.#flushing !== undefined) return
    this.#flushing = syncfs(this.#fd)
      // the sync at the end of each layer finds out for itself what goes wrong
      .catch(() => undefined)
      .then(() => {
        this.#flushing = undefined
      })
  }
}
