/** Removing cgroup directories. */
import { rmdirSync } from 'node:fs'
import { isErrno } from '../sys/error.ts'
import { failure } from './file.ts'
import { processesIn, subdirectories } from './processes.ts'
import { sleep } from '../sleep.ts'

/** Processes that were killed leave the cgroup a little later. Milliseconds before each further attempt: a second in all. */
const DELAYS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

/** Undefined if it is gone, else why not. */
const remove = (dir: string): Error | undefined => {
  try {
    rmdirSync(dir)
    return undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    if (!isErrno(error, 'EBUSY', 'ENOTEMPTY')) throw failure(error, 'rmdir', [dir])
    return error as Error
  }
}

/** The directory and those in it, which are looked up anew each time. */
const removeTree = (dir: string): Error | undefined => {
  const problem = remove(dir)
  if (problem === undefined) return undefined
  return (
    subdirectories(dir)
      .map(remove)
      .find((one) => one !== undefined) ?? remove(dir)
  )
}

const explain = (dir: string, problem: Error): unknown => {
  const processes = processesIn(dir, { recursive: true })
  const some = `${processes.slice(0, 5).join(', ')}${processes.length > 5 ? ', …' : ''}`
  return failure(problem, 'rmdir', [dir], { hint: processes.length === 0 ? undefined : `processes are still in it: ${some}` })
}

/** Removes the directories and those in them. Does nothing where there are none. */
export const removeDirectories = async (dirs: readonly string[]): Promise<void> => {
  let left = dirs
  for (const delay of DELAYS) {
    left = left.filter((dir) => removeTree(dir) !== undefined)
    if (left.length === 0) return
    await sleep(delay)
  }
  const problems = left.flatMap((dir) => {
    const problem = removeTree(dir)
    return problem === undefined ? [] : [explain(dir, problem)]
  })
  const [first, ...others] = problems
  if (others.length > 0 && first instanceof Error) first.message += `; the same for ${others.length} more`
  if (first !== undefined) throw first
}
