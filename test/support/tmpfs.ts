/** A small tmpfs of a test's own that no mount table shows: a detached mount, fsmount(2). Needs root. */
import { closeSync } from 'node:fs'
import { syscall } from '../../runtime/sys/syscall.ts'

const FSCONFIG_SET_STRING = 1
const FSCONFIG_CMD_CREATE = 6

/** Calls with the path of an empty file system of `size` bytes, which is gone afterwards. */
export const withTmpfs = async (size: number, use: (path: string) => Promise<void>): Promise<void> => {
  const context = syscall('fsopen', ['tmpfs', 1])
  let mount: number
  try {
    syscall('fsconfig', [context, FSCONFIG_SET_STRING, 'size', String(size), 0])
    syscall('fsconfig', [context, FSCONFIG_CMD_CREATE, 0, 0, 0])
    mount = syscall('fsmount', [context, 1, 0])
  } finally {
    closeSync(context)
  }
  try {
    await use(`/proc/self/fd/${mount}`)
  } finally {
    closeSync(mount)
  }
}
