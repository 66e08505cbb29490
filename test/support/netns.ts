/** Network namespaces for tests: nothing of the machine’s own network is touched. */
import { closeSync, openSync } from 'node:fs'
import { CLONE_NEWNET } from '../../runtime/sys/abi/sched.ts'
import { syscall } from '../../runtime/sys/syscall.ts'

/** Descriptor of a new network namespace; it lives until the descriptor is closed and nobody is in it. */
export const makeNetns = (): number => {
  const own = openSync('/proc/thread-self/ns/net', 'r')
  syscall('unshare', [CLONE_NEWNET])
  const made = openSync('/proc/thread-self/ns/net', 'r')
  syscall('setns', [own, CLONE_NEWNET])
  closeSync(own)
  return made
}
