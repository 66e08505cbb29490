/** A network namespace for the whole of a test file: servers in this process or started by it, and all plugins, see no other. */
import { closeSync, openSync } from 'node:fs'
import { CLONE_NEWNET } from '../../../runtime/sys/abi/sched.ts'
import { NetlinkSocket } from '../../../runtime/sys/netlink.ts'
import { changeLink, findLink } from '../../../runtime/network/rtnetlink.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { makeNetns } from '../netns.ts'

/** Enters it; returns what goes back. */
export const enterOwnNetwork = (): (() => void) => {
  const own = openSync('/proc/thread-self/ns/net', 'r')
  const made = makeNetns()
  {
    using socket = new NetlinkSocket(made)
    changeLink(socket, findLink(socket, 'lo')!.index, { up: true })
  }
  syscall('setns', [made, CLONE_NEWNET])
  return () => {
    syscall('setns', [own, CLONE_NEWNET])
    closeSync(made)
    closeSync(own)
  }
}
