/** Work that several ask for at the same time and that is done once: it goes on for as long as one of them waits for it. */

interface Running<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  waiting: number
}

export class Shared<T> {
  readonly #running = new Map<string, Running<T>>()

  /** Rejects with the signal’s reason as soon as that is aborted; the work is aborted when nobody waits any more. */
  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const running = this.#running.get(key) ?? this.#begin(key, work)
    running.waiting += 1
    const { promise: left, reject } = Promise.withResolvers<never>()
    const leave = (): void => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([running.result, left])
    } finally {
      signal.removeEventListener('abort', leave)
      running.waiting -= 1
      if (running.waiting === 0 && this.#running.get(key) === running) {
        this.#running.delete(key)
        running.controller.abort(signal.reason)
      }
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const controller = new AbortController()
    const running: Running<T> = {
      controller,
      waiting: 0,
      result: work(controller.signal).finally(() => {
        if (this.#running.get(key) === running) this.#running.delete(key)
      }),
    }
    // those who left do not hear of its failure
    running.result.catch(() => undefined)
    this.#running.set(key, running)
    return running
  }
}
