/** Writing into the idmapped mounts of a container with a user namespace: they know the container’s ids alone. mount_setattr(2), setfsuid(2). */
import { capabilityHeader, readCapabilityData } from '../../../runtime/capabilities.ts'
import { mappingsOf } from '../../../runtime/container/idmap.ts'
import { syscall, trySyscall } from '../../../runtime/sys/syscall.ts'
import { mappedIds } from './ids.ts'

/**
 * From now on this thread makes files as the container’s root, with all that it may do itself: setfsuid(2) takes some of that away. What has no user
 * namespace changes nothing. @param init pid in the container
 */
export const becomeOwner = (init: number): void => {
  const owner = mappedIds(mappingsOf(init)).outside({ uid: 0, gid: 0 })
  if (owner === undefined || (owner.uid === 0 && owner.gid === 0)) return
  const data = Buffer.alloc(24)
  syscall('capget', [capabilityHeader(), data], { args: [] })
  const { permitted } = readCapabilityData(data)
  trySyscall('setfsgid', owner.gid)
  trySyscall('setfsuid', owner.uid)
  // struct __user_cap_data_struct: effective, permitted, inheritable, 32 bits of each at a time
  const wanted = Buffer.alloc(24)
  for (const [half, bits] of [permitted & 0xffffffffn, permitted >> 32n].entries()) {
    wanted.writeUInt32LE(Number(bits), half * 12)
    wanted.writeUInt32LE(Number(bits), half * 12 + 4)
  }
  syscall('capset', [capabilityHeader(), wanted], { args: [] })
}
