/** Turns at an object, one after the other in the order in which they were asked for. In memory: one server has a state folder. */

export class Locks {
  /** What waits behind whoever has the turn; a key is there while somebody has it. */
  readonly #waiting = new Map<string, (() => void)[]>()

  /** Throws the signal's reason when it is aborted before its turn comes. */
  async #enter(key: string, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    const queue = this.#waiting.get(key)
    if (queue === undefined) {
      this.#waiting.set(key, [])
      return
    }
    await new Promise<void>((resolve, reject) => {
      const rise = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        queue.splice(queue.indexOf(rise), 1)
        reject(signal!.reason)
      }
      queue.push(rise)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  #leave(key: string): void {
    const next = this.#waiting.get(key)!.shift()
    if (next === undefined) this.#waiting.delete(key)
    else next()
  }

  async locked<R>(key: string, work: () => R | Promise<R>, signal?: AbortSignal): Promise<R> {
    await this.#enter(key, signal)
    try {
      return await work()
    } finally {
      this.#leave(key)
    }
  }
}
