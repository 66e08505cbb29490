/** Waiting for a folder to change: inotify(7) by fs.watch, and a look from time to time where that is not to be had. */
import { type FSWatcher, watch } from 'node:fs'
import { isErrno } from '../sys/error.ts'

/** Milliseconds between looks where inotify's limits are reached. */
const LOOK = 100

export class FolderWatch {
  readonly #watcher: FSWatcher | undefined
  #changed = false
  #wake: (() => void) | undefined

  /** Changes are noticed from here on. */
  constructor(folder: string) {
    this.#watcher = FolderWatch.#open(folder)
    this.#watcher?.on('change', () => this.notify())
    // the folder is gone, which the next read finds out
    this.#watcher?.on('error', () => this.notify())
  }

  static #open(folder: string): FSWatcher | undefined {
    try {
      return watch(folder, { persistent: true })
    } catch (error) {
      // max_user_instances, max_user_watches
      if (isErrno(error, 'EMFILE', 'ENFILE', 'ENOSPC', 'ENOMEM')) return undefined
      throw error
    }
  }

  /** Ends the wait that is on, or the next one. */
  readonly notify = (): void => {
    this.#changed = true
    this.#wake?.()
  }

  /** Resolves at once if something has changed since the last call, else when it does, or after `limit` milliseconds. */
  async change(limit?: number): Promise<void> {
    const wait = this.#watcher === undefined ? Math.min(limit ?? LOOK, LOOK) : limit
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = wait === undefined ? undefined : setTimeout(resolve, wait)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    this.#changed = false
  }

  close(): void {
    this.#watcher?.close()
  }
}
