/** A change of limits is a list of writes: made from the config without touching anything, then done in order. */
import { isErrno } from '../sys/error.ts'
import { readCgroupFile, writeCgroupFile } from './file.ts'

export interface Write {
  /** Absolute directory of the cgroup. */
  readonly dir: string
  readonly file: string
  readonly value: string
  /** Where it comes from, below linux.resources: `memory.limit`. */
  readonly field: string
  /** Nothing is lost where the kernel has no such file. */
  readonly optional?: boolean
  /** What to do where the kernel has no such file. */
  readonly otherwise?: Write
  /** EINVAL may be for the order: it is tried again after all others. */
  readonly again?: boolean
  /** The value that brings back what the file said before; by default that very text. */
  readonly undo?: (before: string) => string
}

/** For files with one line per key: the line of `key`, or what to write where there was none. */
export const undoKeyed =
  (key: string, absent: string) =>
  (before: string): string =>
    before.split('\n').find((line) => line.startsWith(`${key} `)) ?? absent

const write = ({ dir, file, value, field }: Write): void => {
  const lines = value.split('\n').filter((line) => line !== '')
  writeCgroupFile(dir, file, lines.length > 1 ? lines : [value], { during: `linux.resources.${field}` })
}

interface Done {
  readonly dir: string
  readonly file: string
  readonly before: string
}

/** Files that cannot be read (cgroup.kill) have no state to bring back. */
const before = ({ dir, file, undo }: Write): Done | undefined => {
  try {
    const text = readCgroupFile(dir, file)
    return { dir, file, before: undo === undefined ? text.trimEnd() : undo(text) }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL', 'EACCES', 'EPERM')) return undefined
    throw error
  }
}

const undoAll = (done: readonly Done[]): readonly unknown[] =>
  done.toReversed().flatMap(({ dir, file, before }) => {
    try {
      writeCgroupFile(dir, file, before === '' ? ['\n'] : before.split('\n'))
      return []
    } catch (error) {
      return [error]
    }
  })

/**
 * Does the writes in order. With `restore` those that were done are undone, the last first, when one fails; or later by the
 * function that is returned, for an error to throw then.
 */
export const applyWrites = (writes: readonly Write[], { restore }: { readonly restore: boolean }): ((error: unknown) => never) => {
  const done: Done[] = []
  const late: Write[] = []
  const perform = (one: Write, last: boolean): void => {
    const state = restore ? before(one) : undefined
    try {
      write(one)
    } catch (error) {
      if (isErrno(error, 'ENOENT') && one.otherwise !== undefined) {
        perform(one.otherwise, last)
        return
      }
      if (isErrno(error, 'ENOENT') && one.optional) return
      if (!isErrno(error, 'EINVAL') || !one.again || last) throw error
      late.push(one)
      return
    }
    if (state !== undefined) done.push(state)
  }
  const undo = (error: unknown): never => {
    const problems = undoAll(done)
    if (problems.length > 0 && error instanceof Error)
      error.message += `; what was set before could not all be brought back: ${problems.join(', ')}`
    throw error
  }
  try {
    for (const one of writes) perform(one, false)
    for (const one of late) perform(one, true)
  } catch (error) {
    undo(error)
  }
  return undo
}
