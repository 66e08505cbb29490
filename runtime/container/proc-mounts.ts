/** What may be mounted at /proc and below it, where processes and the runtime itself look for the kernel's word. */
import { statfsSync } from 'node:fs'
import { InvalidField } from '../errors.ts'
import type { Mount } from '../spec/types.ts'

const PROC_SUPER_MAGIC = 0x9fa0

/** Files that lxcfs(1) stands in for. */
const STAND_INS = new Set(['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'slabinfo', 'stat', 'swaps', 'sys/kernel/ns_last_pid', 'uptime'])

/**
 * @param target the destination relative to the root, with links followed
 * @param bind whether it is a bind mount
 * @param field its JSON path
 */
export const checkProcMount = (target: string, mount: Mount, bind: boolean, field: string): void => {
  if (target === 'proc') {
    const isProc = bind ? statfsSync(mount.source!).type === PROC_SUPER_MAGIC : mount.type === 'proc'
    if (isProc) return
    throw new InvalidField(
      field,
      `${mount.destination} cannot be mounted because it is not of type proc: nothing else may stand in for /proc`,
    )
  }
  if (!target.startsWith('proc/') || STAND_INS.has(target.slice('proc/'.length))) return
  throw new InvalidField(
    field,
    `${mount.destination} cannot be mounted because it is inside /proc: only ${[...STAND_INS].join(', ')} may be covered there`,
  )
}
