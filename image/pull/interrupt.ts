/**
 * What breaks off waiting for something else, again and again. Promise.race would keep the outcome of every wait for as long as the
 * interrupting promise has not settled.
 */
export class Interrupt {
  #set = false
  #wake: (() => void) | undefined

  /** Set when `promise` settles, however. */
  constructor(promise: Promise<unknown>) {
    const rise = (): void => {
      this.#set = true
      this.#wake?.()
    }
    promise.then(rise, rise)
  }

  get set(): boolean {
    return this.#set
  }

  /** Undefined if it was set before `promise` has settled. One wait at a time. What the promise says after that is not asked for. */
  async or<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await new Promise<T | undefined>((resolve, reject) => {
        this.#wake = () => resolve(undefined)
        promise.then(resolve, reject)
        if (this.#set) resolve(undefined)
      })
    } finally {
      this.#wake = undefined
    }
  }
}
