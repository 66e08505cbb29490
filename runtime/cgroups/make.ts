/** Making the directories of a cgroup, and what they need before a process can be in them. */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { posix } from 'node:path'
import { WherryError } from '../errors.ts'
import { isErrno, SyscallError } from '../sys/error.ts'
import { failure, readCgroupFile, tryReadCgroupFile, writeCgroupFile } from './file.ts'
import { isFrozen } from './freezer.ts'
import { hintFor } from './hints.ts'
import { offeredControllers } from './homes.ts'
import { processesIn } from './processes.ts'

/** What was made, to be removed when a later step fails. */
export class Made {
  readonly #directories: string[] = []

  add(dir: string): void {
    this.#directories.push(dir)
  }

  /** Removes what is still empty; whoever came to use a parent in the meantime keeps it. */
  remove(): void {
    for (const dir of this.#directories.toReversed()) {
      try {
        rmdirSync(dir)
      } catch (error) {
        if (!isErrno(error, 'EBUSY', 'ENOENT', 'ENOTEMPTY')) throw failure(error, 'rmdir', [dir])
      }
    }
  }
}

/** True if it was made, false if it was there. */
const make = (dir: string, made: Made): boolean => {
  try {
    mkdirSync(dir, 0o755)
    made.add(dir)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const hint =
      hintFor(dir, 'mkdir', '', code) ?? (code === 'EAGAIN' ? 'see cgroup.max.descendants and cgroup.max.depth of its parents' : undefined)
    throw failure(error, 'mkdir', [dir], { during: 'unable to apply cgroup configuration', hint })
  }
}

/** Makes the directory and the parents it lacks below `mountPoint`. True if it was not there. */
export const makeDirectory = (dir: string, mountPoint: string, made: Made): boolean => {
  try {
    return make(dir, made)
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || dir === mountPoint) throw error
    makeDirectory(posix.dirname(dir), mountPoint, made)
    return make(dir, made)
  }
}

/** A cgroup that was there may be used if nobody else uses it. */
export const refuseOccupied = (dir: string, version: 1 | 2): void => {
  const processes = processesIn(dir, { recursive: true })
  if (processes.length > 0)
    throw new WherryError('failed-precondition', `container's cgroup is not empty: ${processes.length} process(es) found in ${dir}`)
  if (isFrozen(dir, version)) throw new WherryError('failed-precondition', `container's cgroup unexpectedly frozen: ${dir}`)
}

/**
 * v1: a cgroup without cpus and mems takes no processes; it and its parents get those of the parent where they have none.
 * The names in `given` are left to the caller. cpuset(7).
 */
export const inheritCpuset = (dir: string, mountPoint: string, given: readonly ('cpus' | 'mems')[]): void => {
  if (dir === mountPoint) return
  const prefix = existsSync(`${dir}/cpuset.cpus`) ? 'cpuset.' : ''
  const parent = posix.dirname(dir)
  for (const name of ['cpus', 'mems'] as const) {
    let value = readCgroupFile(parent, prefix + name).trim()
    if (value === '') {
      inheritCpuset(parent, mountPoint, [])
      value = readCgroupFile(parent, prefix + name).trim()
    }
    if (!given.includes(name) && readCgroupFile(dir, prefix + name).trim() === '') writeCgroupFile(dir, prefix + name, [value])
  }
}

/** Enables controllers for the children of `dir`. Those that cannot be are left out: whoever sets a limit of theirs is told why. */
const enableControllers = (dir: string, controllers: readonly string[]): void => {
  const write = (some: readonly string[]): void =>
    writeCgroupFile(dir, 'cgroup.subtree_control', [some.map((controller) => `+${controller}`).join(' ')])
  try {
    write(controllers)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    if (controllers.length > 1) for (const controller of controllers) enableControllers(dir, [controller])
  }
}

/**
 * v2: makes the controllers of the hierarchy available in `dir`, which exists. A cgroup that is below one of mode `threaded`
 * can only be threaded itself: that is refused if one of `needs` is to be limited.
 */
export const enableDownTo = (dir: string, mountPoint: string, wanted: readonly string[], needs: readonly string[]): void => {
  const available = offeredControllers(dir)
  const type = tryReadCgroupFile(dir, 'cgroup.type')?.trim()
  if (type === 'domain' && wanted.every((controller) => available.includes(controller))) return
  const below = posix.relative(mountPoint, dir).split('/')
  let current = mountPoint
  for (const name of below) {
    enableControllers(current, wanted)
    current = posix.join(current, name)
    const mode = tryReadCgroupFile(current, 'cgroup.type')?.trim()
    if (mode === undefined || mode === 'domain') continue
    if (needs.length > 0)
      throw new WherryError(
        'failed-precondition',
        `${current} is a cgroup of type "${mode}", where ${needs.join(' and ')} cannot be limited: choose a linux.cgroupsPath elsewhere`,
      )
    if (mode === 'domain invalid') writeCgroupFile(current, 'cgroup.type', ['threaded'])
  }
}
