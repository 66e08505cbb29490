/** wait: until a container has ended, and with which status. */
import { watch } from 'node:fs'
import { waitExit } from '../../runtime/keeper/wait.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { recordedExit } from './events-read.ts'
import { type Home, keeperFolders, placesOf } from './home.ts'
import { readContainer } from './store.ts'
import { isUp, statusOf } from './status.ts'
import { tidy } from './tidy.ts'

/** `not-running`: at once for one that does not run. `next-exit`: of its next or present run. */
export const CONDITIONS = ['not-running', 'next-exit', 'removed'] as const
export type Condition = (typeof CONDITIONS)[number]

/** Milliseconds between looks for what nothing tells of. */
const LOOK = 200

/** Resolves when something in the folder has changed, or after a while; at once where it is not there. */
const change = (folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    let watcher: ReturnType<typeof watch> | undefined
    const timer = setTimeout(done, LOOK)
    function done(): void {
      clearTimeout(timer)
      watcher?.close()
      resolve()
    }
    try {
      watcher = watch(folder, done)
      watcher.on('error', done)
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EMFILE', 'ENOSPC')) return
      clearTimeout(timer)
      reject(error)
    }
  })

/** Its exit status; of one that was never started 0. Throws `not-found`. */
export const waitFor = async (home: Home, text: string, condition: Condition, signal: AbortSignal): Promise<number> => {
  const first = await tidy(home, text)
  const { id } = first
  let status = first.state.exitCode ?? 0
  const runs = async (): Promise<boolean> => {
    const container = readContainer(home, id)
    return container !== undefined && isUp(await statusOf(home, container))
  }
  const exits = async (): Promise<void> => {
    const outcome = await waitExit(keeperFolders(home, id), signal)
    status = outcome?.exitCode ?? readContainer(home, id)?.state.exitCode ?? (await recordedExit(home.root, id)) ?? status
  }
  const { folder } = placesOf(home, id)
  if (condition === 'next-exit') {
    while (!(await runs())) {
      signal.throwIfAborted()
      if (readContainer(home, id) === undefined) return status
      await change(folder)
    }
  }
  if (await runs()) await exits()
  if (condition !== 'removed') return status
  for (let there = readContainer(home, id); there !== undefined; there = readContainer(home, id)) {
    signal.throwIfAborted()
    status = there.state.exitCode ?? status
    if (await runs()) await exits()
    else await change(folder)
  }
  return status
}
