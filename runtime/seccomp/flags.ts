/** The flags that seccomp(2) is called with. They are no part of the filter. */
import { InvalidField } from '../errors.ts'
import type { LinuxSeccomp, LinuxSeccompFlag } from '../spec/types.ts'
import {
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
} from '../sys/abi/seccomp.ts'

/** TSYNC is accepted and means nothing: what applies the filter is a process of one thread. */
const FLAGS: Readonly<Record<LinuxSeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}

export const SECCOMP_FLAGS = Object.keys(FLAGS) as readonly LinuxSeccompFlag[]

/**
 * SECCOMP_FILTER_FLAG_* of a filter. Absent flags mean SPEC_ALLOW, as in runc: a filter is no reason to slow all code down
 * by the mitigation of Speculative Store Bypass; kernels from 5.16 on think so too.
 */
export const filterFlags = (seccomp: LinuxSeccomp, notifies: boolean): number => {
  let value = notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0
  if (seccomp.flags === undefined) return value | SECCOMP_FILTER_FLAG_SPEC_ALLOW
  for (const [index, flag] of seccomp.flags.entries()) {
    const path = `linux.seccomp.flags[${index}]`
    if (!Object.hasOwn(FLAGS, flag)) throw new InvalidField(path, `${JSON.stringify(flag)} is none of ${SECCOMP_FLAGS.join(', ')}`)
    if (flag === 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' && !notifies) {
      throw new InvalidField(path, `${flag} needs a rule with SCMP_ACT_NOTIFY`)
    }
    value |= FLAGS[flag]
  }
  return value
}
