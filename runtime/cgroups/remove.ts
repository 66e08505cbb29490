/** Removing cgroup directories. */
import { rmdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isErrno } from '../sys/error.ts'
import { failure } from './file.ts'
import { processesIn, subdirectories } from './processes.ts'

/** Processes that were killed leave the cgroup a little later. Milliseconds before each further attempt: a second in all. */
const DELAYS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

/** True if it is gone. */
const remove = (dir: string, last: boolean): boolean => {
  try {
    rmdirSync(dir)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true
    if (isErrno(error, 'EBUSY', 'ENOTEMPTY') && !last) return false
    const processes = processesIn(dir, { recursive: true })
    const hint =
      processes.length > 0
        ? `processes are still in it: ${processes.slice(0, 5).join(', ')}${processes.length > 5 ? ', …' : ''}`
        : undefined
    throw failure(error, 'rmdir', [dir], { hint })
  }
}

/** Removes the directory and those in it. Does nothing where there is none. */
export const removeDirectory = async (dir: string): Promise<void> => {
  for (const delay of DELAYS) {
    if (remove(dir, false)) return
    // A cgroup that others keep making cgroups in is not left to chance: they are looked up anew each time.
    if (subdirectories(dir).reduce((gone, sub) => remove(sub, false) && gone, true) && remove(dir, false)) return
    await sleep(delay)
  }
  for (const sub of subdirectories(dir)) remove(sub, true)
  remove(dir, true)
}
