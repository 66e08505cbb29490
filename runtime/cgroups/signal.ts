/** Signals to all processes of a cgroup. */
import { WherryError } from '../errors.ts'
import { SIGNALS } from '../sys/abi/signal.ts'
import { isErrno } from '../sys/error.ts'
import { writeCgroupFile } from './file.ts'
import { type Freezer, freeze, isFrozen, thaw } from './freezer.ts'
import { processesIn } from './processes.ts'

/** A process that ended by itself has what it was to get. */
const send = (pid: number, signal: number): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

/** False where the processes cannot be stopped: one is in an uninterruptible sleep. */
const hold = async ({ dir, version }: Freezer): Promise<boolean> => {
  try {
    await freeze(dir, version)
    return true
  } catch (error) {
    if (error instanceof WherryError && error.kind === 'deadline-exceeded') return false
    throw error
  }
}

/** Rounds of looking for processes that were forked while others were signalled. */
const ROUNDS = 100

const signalRunning = (dir: string, signal: number): void => {
  const done = new Set<number>()
  for (let round = 0; round < ROUNDS; round++) {
    const found = processesIn(dir, { recursive: true }).filter((pid) => !done.has(pid))
    if (found.length === 0) return
    for (const pid of found) {
      send(pid, signal)
      done.add(pid)
    }
  }
  throw new WherryError('unavailable', `processes in ${dir} fork faster than they can be signalled: set pids.max for it`)
}

/**
 * Each process gets the signal. While they are frozen none can fork or end, so that all are reached and no pid can have become
 * another's. A cgroup that was frozen stays so, but for SIGKILL: a frozen process of v1 does not even die.
 */
export const signalAll = async (dir: string, freezer: Freezer | undefined, signal: number): Promise<void> => {
  const frozen = freezer !== undefined && isFrozen(freezer.dir, freezer.version)
  const held = !frozen && freezer !== undefined && (await hold(freezer))
  try {
    if (frozen || held) for (const pid of processesIn(dir, { recursive: true })) send(pid, signal)
    else signalRunning(dir, signal)
  } finally {
    if (freezer !== undefined && (held || (frozen && signal === SIGNALS.SIGKILL))) thaw(freezer.dir, freezer.version)
  }
}

/** `unified` is the directory on v2, where the kernel (5.14) kills all at once by itself. */
export const killAll = async (dir: string, unified: string | undefined, freezer: Freezer | undefined): Promise<void> => {
  try {
    if (unified === undefined) return await signalAll(dir, freezer, SIGNALS.SIGKILL)
    writeCgroupFile(unified, 'cgroup.kill', ['1'])
    if (freezer?.version === 1 && isFrozen(freezer.dir, 1)) thaw(freezer.dir, 1)
  } catch (error) {
    if (unified === undefined || !isErrno(error, 'ENOENT', 'EOPNOTSUPP')) throw error
    await signalAll(dir, freezer, SIGNALS.SIGKILL)
  }
}
