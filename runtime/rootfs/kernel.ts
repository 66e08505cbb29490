/** What the running kernel's overlay can do, found out by asking it. */
import { closeSync } from 'node:fs'
import { FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSOPEN_CLOEXEC } from '../sys/abi/mount.ts'
import { SyscallError } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'

let appends: boolean | undefined

/** A new context of overlay. Throws SyscallError. */
export const openContext = (): number => {
  const context = trySyscall('fsopen', 'overlay', FSOPEN_CLOEXEC)
  if (context < 0) throw new SyscallError('fsopen', -context, { args: ['overlay'] })
  return context
}

/**
 * Whether layers can be added one by one (`lowerdir+`, Linux 6.7, and where a distribution has taken it back). A kernel before
 * 6.5 takes any name at first, and looks at it when the file system is made.
 */
export const appendsLowers = (): boolean => {
  if (appends !== undefined) return appends
  const context = openContext()
  try {
    const takesAnything = trySyscall('fsconfig', context, FSCONFIG_SET_FLAG, 'no-option-of-overlay', 0, 0) >= 0
    appends = !takesAnything && trySyscall('fsconfig', context, FSCONFIG_SET_STRING, 'lowerdir+', '/', 0) >= 0
    return appends
  } finally {
    closeSync(context)
  }
}
