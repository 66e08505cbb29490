/** Whether networks can be made here: by root of the user namespace that the network namespace belongs to, user_namespaces(7), ioctl_ns(2). */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { NS_GET_USERNS } from '../../../runtime/sys/abi/ioctl.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { trySyscall } from '../../../runtime/sys/syscall.ts'

/** False in a user namespace of a user's own, beside which the machine's network is. */
export const ownsNetworkNamespace = (): boolean => {
  const [network, user] = [openSync('/proc/self/ns/net', 'r'), openSync('/proc/self/ns/user', 'r')]
  try {
    const owner = trySyscall('ioctl', network, NS_GET_USERNS, 0)
    if (owner === -ERRNO.EPERM) return false // it is none of ours, nor below ours
    if (owner < 0) throw new SyscallError('ioctl', -owner, { args: ['/proc/self/ns/net', 'NS_GET_USERNS'] })
    try {
      return fstatSync(owner).ino === fstatSync(user).ino
    } finally {
      closeSync(owner)
    }
  } finally {
    for (const fd of [network, user]) closeSync(fd)
  }
}
