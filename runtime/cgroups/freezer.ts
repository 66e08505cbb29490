/** Stopping all processes of a cgroup: cgroup.freeze of cgroup-v2.rst; Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst. */
import { WherryError } from '../errors.ts'
import { isErrno } from '../sys/error.ts'
import { readCgroupFile, tryReadCgroupFile, writeCgroupFile } from './file.ts'
import { sleep } from '../sleep.ts'
import type { CgroupRecord } from './types.ts'

/** Where a cgroup's freezer is. */
export interface Freezer {
  readonly dir: string
  readonly version: 1 | 2
}

/** Undefined where the container has no cgroup for it. */
export const freezerOf = ({ paths: { freezer: v1, '': unified } }: Pick<CgroupRecord, 'paths'>): Freezer | undefined => {
  if (v1 !== undefined) return { dir: v1, version: 1 }
  return unified === undefined ? undefined : { dir: unified, version: 2 }
}

/** After this long a cgroup that is not frozen is thawed again. Milliseconds. */
const TIMEOUT = 10_000

/** Whether this very cgroup is frozen, or about to be; not whether a parent is. False where it does not exist. */
export const isFrozen = (dir: string, version: 1 | 2): boolean => {
  if (version === 2) return tryReadCgroupFile(dir, 'cgroup.freeze')?.trim() === '1'
  return tryReadCgroupFile(dir, 'freezer.self_freezing')?.trim() === '1'
}

export const thaw = (dir: string, version: 1 | 2): void => {
  if (version === 2) writeCgroupFile(dir, 'cgroup.freeze', ['0'])
  else writeCgroupFile(dir, 'freezer.state', ['THAWED'])
}

/** One attempt. A v1 cgroup that gets new processes while it freezes needs more of them. */
const attempt = (dir: string, version: 1 | 2, first: boolean): boolean => {
  if (version === 1) {
    writeCgroupFile(dir, 'freezer.state', ['FROZEN'])
    return readCgroupFile(dir, 'freezer.state').trim() === 'FROZEN'
  }
  if (first) writeCgroupFile(dir, 'cgroup.freeze', ['1'])
  return /^frozen 1$/m.test(readCgroupFile(dir, 'cgroup.events'))
}

/** Waits until every process is stopped. Thawed again when it fails: half-frozen is worse than either. */
export const freeze = async (dir: string, version: 1 | 2): Promise<void> => {
  const end = performance.now() + TIMEOUT
  try {
    let delay = 1
    for (let first = true; !attempt(dir, version, first); first = false) {
      if (performance.now() > end)
        throw new WherryError(
          'deadline-exceeded',
          `${dir} is not frozen after ${TIMEOUT / 1000} seconds: a process in it is in an uninterruptible sleep, or others keep coming`,
        )
      await sleep(delay)
      delay = Math.min(delay * 2, 20)
    }
  } catch (error) {
    try {
      thaw(dir, version)
    } catch (second) {
      if (!isErrno(second, 'ENOENT', 'ENODEV') && error instanceof Error) error.message += `; and it could not be thawed again: ${second}`
    }
    throw error
  }
}
