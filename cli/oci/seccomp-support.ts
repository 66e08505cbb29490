/** What the installed libseccomp and the running kernel can do with filters. */
import { SECCOMP_RET_ALLOW } from '../../runtime/sys/abi/seccomp.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import {
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_SET_MODE_FILTER,
} from '../../runtime/sys/abi/seccomp.ts'
import { libseccomp } from '../../runtime/sys/libseccomp.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import { ARCHITECTURE_TOKENS } from '../../runtime/seccomp/architectures.ts'
import type { LinuxSeccompArch, LinuxSeccompFlag } from '../../runtime/spec/types.ts'

export interface SeccompSupport {
  readonly version: string
  readonly archs: readonly LinuxSeccompArch[]
  readonly supportedFlags: readonly LinuxSeccompFlag[]
}

const FLAGS: Readonly<Record<LinuxSeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV | SECCOMP_FILTER_FLAG_NEW_LISTENER,
}

/** seccomp(2): flags are looked at before the filter, whose address here is none. */
const kernelTakes = (flags: number): boolean => trySyscall('seccomp', SECCOMP_SET_MODE_FILTER, flags, 0) === -ERRNO.EFAULT

const supportedArchs = (): readonly LinuxSeccompArch[] => {
  const library = libseccomp()
  const context = library.seccomp_init(SECCOMP_RET_ALLOW)
  try {
    return (Object.entries(ARCHITECTURE_TOKENS) as [LinuxSeccompArch, number][])
      .filter(([, token]) => [0, -ERRNO.EEXIST].includes(library.seccomp_arch_add(context, token)))
      .map(([name]) => name)
  } finally {
    library.seccomp_release(context)
  }
}

/** Throws WherryError 'failed-precondition' where there is no libseccomp. */
export const seccompSupport = (): SeccompSupport => ({
  version: libseccomp().version.join('.'),
  archs: supportedArchs(),
  supportedFlags: (Object.keys(FLAGS) as LinuxSeccompFlag[]).filter((name) => kernelTakes(FLAGS[name])),
})
