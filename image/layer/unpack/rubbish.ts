/** Removes whole folders without walking into them by path: whatever nests is pulled out beside, so depth does not matter. */
import { readdirSync } from 'node:fs'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { decodeBytes } from '../bytes.ts'
import * as calls from './calls.ts'

const EISDIR = 21
const EPERM = 1
const ENOTEMPTY = 39
const ENOENT = 2

/** `aside` is a folder on the same file system for what is on its way out. */
export const removeTree = (folder: number, name: string, aside: number): void => {
  let made = 0
  calls.rename(folder, name, aside, String(made++))
  for (let at = 0; at < made; at++) {
    const fd = calls.openFolder(aside, String(at))
    if (fd < 0) throw new SyscallError('openat', -fd, { args: [String(at)] })
    try {
      for (const bytes of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })) {
        const child = decodeBytes(bytes)
        let result = calls.remove(fd, child)
        if (result === -EISDIR || result === -EPERM) result = calls.remove(fd, child, true)
        if (result === -ENOTEMPTY) calls.rename(fd, child, aside, String(made++))
        else if (result < 0 && result !== -ENOENT) throw new SyscallError('unlinkat', -result, { args: [child] })
      }
    } finally {
      calls.close(fd)
    }
    const result = calls.remove(aside, String(at), true)
    if (result < 0) throw new SyscallError('unlinkat', -result, { args: [String(at)] })
  }
}
