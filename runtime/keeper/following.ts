/** Tells when there may be more in a spool, and when there will be nothing more. */
import { type Liveness, watchKeeper } from './liveness.ts'
import { type KeeperFolders, readOutcome } from './wait.ts'
import { type Change, FolderWatch } from './watch.ts'

/** Milliseconds until a torn record is looked at again though no change was told of: the first time, and at most. */
const FIRST_LOOK = 5
const LAST_LOOK = 500

export class Following {
  readonly #watch: FolderWatch
  readonly #keeper: Liveness
  readonly #folders: KeeperFolders
  readonly #signal: AbortSignal | undefined
  #gone = false
  #failure: unknown
  #look = FIRST_LOOK

  constructor(folders: KeeperFolders, signal: AbortSignal | undefined) {
    this.#folders = folders
    this.#signal = signal
    this.#watch = new FolderWatch(folders.spool)
    this.#keeper = watchKeeper(folders.run)
    this.#keeper.ended
      .then(
        () => {
          this.#gone = true
        },
        (error: unknown) => {
          this.#failure = error
        },
      )
      .finally(this.#watch.notify)
    signal?.addEventListener('abort', this.#watch.notify)
  }

  /** What has been written until now is all. */
  get ended(): boolean {
    return this.#gone || readOutcome(this.#folders) !== undefined
  }

  /** Resolves when something may have changed, or the signal is aborted. `content`: there is no new file, and no end. */
  async change(torn: boolean): Promise<Change> {
    const change = this.#failure === undefined ? await this.#watch.change(torn ? this.#look : undefined) : 'all'
    this.#look = torn ? Math.min(this.#look * 2, LAST_LOOK) : FIRST_LOOK
    if (this.#failure !== undefined) throw this.#failure
    return change
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#watch.notify)
    this.#watch.close()
    this.#keeper.close()
  }
}
