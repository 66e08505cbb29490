import { WherryError } from '../../runtime/errors.ts'
import type { Launch } from '../support/launch.ts'
import { UsageError } from '../support/parse.ts'

const FIRST = 3

/** How many descriptors systemd passed to this very process: sd_listen_fds(3). */
export const listenFds = (env: NodeJS.ProcessEnv, pid: number): number => {
  const count = env['LISTEN_FDS'] ?? ''
  return env['LISTEN_PID'] === String(pid) && /^\d{1,6}$/.test(count) ? Number(count) : 0
}

/**
 * Refuses `--preserve-fds` where one of the descriptors was not open when we were called: under its number there may be one
 * of Node’s own by now, which no container must get.
 */
export const checkPreservedFds = ({ descriptors }: Launch, listening: number, preserved: number): void => {
  if (preserved < 0) throw new UsageError(`--preserve-fds must not be negative, is ${preserved}`)
  for (let fd = FIRST; fd < FIRST + listening + preserved; fd++) {
    if (descriptors === undefined || descriptors.has(fd)) continue
    const what = fd < FIRST + listening ? `LISTEN_FDS=${listening}` : `--preserve-fds=${preserved}`
    throw new WherryError('failed-precondition', `${what}: descriptor ${fd} is not open`)
  }
}
