/** Waiting for the end of a container by those who have not started its keeper. */
import { decodeExit, type ExitRecord, readExit } from './exit.ts'
import { EXIT, PAGE_WORDS, PHASES } from './layout.ts'
import { watchKeeper } from './liveness.ts'
import { readKeeperPage } from './page.ts'
import { FolderWatch } from './watch.ts'

export interface KeeperFolders {
  readonly run: string
  readonly spool: string
}

/** The exit record, from the page where the disk has refused it. Undefined: the container runs, or its keeper was killed. */
export const readOutcome = ({ run, spool }: KeeperFolders): ExitRecord | undefined => {
  const written = readExit(spool)
  if (written !== undefined) return written
  const page = readKeeperPage(run)
  if (page === undefined || page.readBigInt64LE(PAGE_WORDS.phase) !== BigInt(PHASES.ended)) return undefined
  return decodeExit(page.subarray(PAGE_WORDS.exit, PAGE_WORDS.exit + EXIT.size))
}

/**
 * Resolves when the exit record is there, or the keeper is gone; to undefined where it was killed (or never was) and there is
 * no record: then init's pid, if it lives on, is that of `keeperStatus`. Rejects with the signal's reason when aborted.
 */
export const waitExit = async (folders: KeeperFolders, signal?: AbortSignal): Promise<ExitRecord | undefined> => {
  signal?.throwIfAborted()
  const watch = new FolderWatch(folders.spool)
  const keeper = watchKeeper(folders.run)
  const state = { gone: false, failure: undefined as unknown }
  keeper.ended
    .then(
      () => {
        state.gone = true
      },
      (error: unknown) => {
        state.failure = error
      },
    )
    .finally(watch.notify)
  signal?.addEventListener('abort', watch.notify)
  try {
    for (;;) {
      signal?.throwIfAborted()
      if (state.failure !== undefined) throw state.failure
      const { gone } = state
      const outcome = readOutcome(folders)
      if (outcome !== undefined || gone) return outcome
      await watch.change()
    }
  } finally {
    signal?.removeEventListener('abort', watch.notify)
    watch.close()
    keeper.close()
  }
}
