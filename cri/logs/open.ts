/** The logs of all containers (types.ts). */
import { existsSync } from 'node:fs'
import { readOutcome, type KeeperFolders } from '../../runtime/keeper/wait.ts'
import { watchKeeper } from '../../runtime/keeper/liveness.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { Log } from '../cri.ts'
import { Follower } from './follower.ts'
import { logPathOf } from './log-file.ts'
import { Turns } from './turns.ts'
import type { Logs } from './types.ts'

/** Milliseconds between looks at everything: the queue of inotify(7) can overflow unseen. */
const LOOK = 30_000

export interface LogsOptions {
  readonly log: Log
  /** Of a container’s keeper. */
  readonly keeper: (id: string) => KeeperFolders
  /** File in the container’s folder, durable, in which its place is kept. */
  readonly place: (id: string) => string
}

/** Rejects when the signal is aborted, else ends as `work` does. */
const abortable = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work
  signal.throwIfAborted()
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort!)
  }
}

export const openLogs = ({ log, keeper, place }: LogsOptions): Logs => {
  const followers = new Map<string, Follower>()
  const turns = new Turns()
  let timer: NodeJS.Timeout | undefined

  const finish = async (follower: Follower, folders: KeeperFolders, signal: AbortSignal | undefined): Promise<void> => {
    if (readOutcome(folders) !== undefined) return abortable(follower.finished(), signal)
    // a keeper that was killed has left no record
    const liveness = watchKeeper(folders.run)
    let waiting = true
    const gone = liveness.ended.then(() => {
      if (waiting) follower.end()
    })
    try {
      await abortable(Promise.race([follower.finished(), gone.then(() => follower.finished())]), signal)
    } finally {
      waiting = false
      liveness.close()
    }
  }

  return {
    follow(container) {
      const { id, phase, logPath, config } = container
      if (logPath === undefined || followers.has(id)) return
      const ended = phase === 'exited' || phase === 'removing'
      // its keeper was never started
      if (ended && !existsSync(keeper(id).spool)) return
      const path = logPathOf(logPath, config)
      followers.set(id, new Follower({ id, folders: keeper(id), place: place(id), path, log, turns, ended }))
      timer ??= setInterval(() => {
        for (const follower of followers.values()) follower.look()
      }, LOOK)
    },
    async drained(id, signal) {
      const follower = followers.get(id)
      if (follower !== undefined && !follower.done) await finish(follower, keeper(id), signal)
    },
    async reopen(id) {
      const follower = followers.get(id)
      if (follower === undefined) throw new WherryError('not-found', `container ${id} has no log that is written`)
      await follower.reopen()
    },
    async forget(id) {
      const follower = followers.get(id)
      await follower?.settle()
      await follower?.close()
      followers.delete(id)
    },
    async close() {
      clearInterval(timer)
      timer = undefined
      await Promise.all([...followers.values()].map((follower) => follower.close()))
      followers.clear()
    },
  }
}
