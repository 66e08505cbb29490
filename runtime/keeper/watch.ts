/** Waiting for a folder to change: inotify(7) by fs.watch, and a look from time to time where that is not to be had. */
import { type FSWatcher, watch } from 'node:fs'
import { isErrno } from '../sys/error.ts'

/** Milliseconds between looks where inotify's limits are reached, and where they are not: its queue can overflow unseen. */
const LOOK = 100
const LAST_LOOK = 10_000

/** What has changed: `content` of files, or perhaps more than that: `all`. */
export type Change = 'content' | 'all'

export class FolderWatch {
  readonly #watcher: FSWatcher | undefined
  #change: Change | undefined
  #wake: (() => void) | undefined

  /** Changes are noticed from here on. */
  constructor(folder: string) {
    this.#watcher = FolderWatch.#open(folder)
    this.#watcher?.on('change', (event) => this.#tell(event === 'change' ? 'content' : 'all'))
    // the folder is gone, which the next read finds out
    this.#watcher?.on('error', this.notify)
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
  readonly notify = (): void => this.#tell('all')

  #tell(change: Change): void {
    if (this.#change !== 'all') this.#change = change
    this.#wake?.()
  }

  /** Resolves at once if something has changed since the last call, else when it does, or after at most `limit` milliseconds. */
  async change(limit = LAST_LOOK): Promise<Change> {
    if (this.#change === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#watcher === undefined ? Math.min(limit, LOOK) : limit)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const change = this.#change ?? 'all'
    this.#change = undefined
    return change
  }

  close(): void {
    this.#watcher?.close()
  }
}
