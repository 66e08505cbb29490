/** Plugins that a killed server has left at work: what they make can be undone once they have ended. */
import { readdirSync, readFileSync } from 'node:fs'
import { sleep } from '../../runtime/sleep.ts'
import { isErrno } from '../../runtime/sys/error.ts'

const PAUSE = 50
/** Milliseconds, more than a plugin may take. */
const LONGEST = 70_000

const environment = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return ''
    throw error
  }
}

/** Whether anything runs that was told it is at work for this container, spec 1.1 "Parameters". */
const isAtWork = (container: string): boolean =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => environment(pid).split('\0').includes(`CNI_CONTAINERID=${container}`))

/** Resolves when none is left, or when they have had their time. */
export const pluginsEnded = async (container: string): Promise<void> => {
  for (const until = performance.now() + LONGEST; isAtWork(container) && performance.now() < until; ) await sleep(PAUSE)
}
