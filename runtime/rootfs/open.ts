/** The root filesystem of a container as a detached mount. */
import { closeSync } from 'node:fs'
import { inInitialUserNamespace, type Mappings, userNamespace } from '../container/idmap.ts'
import { InvalidField } from '../errors.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import { MOUNT_ATTR_RDONLY, MOUNT_ATTR_SIZE_VER0 } from '../sys/abi/mount.ts'
import { syscall } from '../sys/syscall.ts'
import { checkedRootfs } from './check.ts'
import { diagnosed, notWritable } from './diagnose.ts'
import { bindHere, mountAttr, overlayHere } from './direct.ts'
import { overlayByHelper } from './helper.ts'
import { appendsLowers } from './kernel.ts'
import { limitSize } from './quota.ts'
import type { OverlayStyle, RootfsDescription } from './types.ts'
import { type Prepared, prepareUpper } from './upper.ts'
import { settleVolatile } from './volatile.ts'

export interface OpenOptions {
  /** Where an executable can be kept for a moment if memory cannot be executed. */
  readonly folder: string
  /** Default: `append` where the kernel appends layers. For tests and measurements. */
  readonly way?: 'append' | 'program' | undefined
}

export const styleOf = ({ style }: RootfsDescription): OverlayStyle => style ?? (inInitialUserNamespace() ? 'trusted' : 'user')

/** The host's id of the root of a user namespace, or of its first id if it has no root. */
const firstHostID = (mappings: Mappings['uid'], field: string): number => {
  const lowest = mappings.toSorted((a, b) => a.containerID - b.containerID)[0]
  if (lowest === undefined) throw new InvalidField(field, 'must map ids')
  return lowest.hostID
}

interface Idmap {
  readonly fd: number
  readonly uid: number
  readonly gid: number
}

/** A user namespace with the mappings, and the host's ids of its root. */
const openIdmap = async (idmap: Mappings, folder: string): Promise<Idmap> => {
  const [uid, gid] = [firstHostID(idmap.uid, 'rootfs.idmap.uid'), firstHostID(idmap.gid, 'rootfs.idmap.gid')]
  return { fd: await userNamespace(idmap, folder), uid, gid }
}

const mountIt = async (description: RootfsDescription, style: OverlayStyle, options: OpenOptions): Promise<number> => {
  const { lowers, upper, readonly } = description
  const idmap = description.idmap === undefined ? undefined : await openIdmap(description.idmap, options.folder)
  try {
    if (idmap === undefined && lowers.length === 1 && upper === undefined) return bindHere(description)
    if (idmap === undefined && options.way !== 'program' && appendsLowers()) {
      const fd = overlayHere(description, style)
      if (readonly === true) syscall('mount_setattr', [fd, '', AT_EMPTY_PATH, mountAttr(MOUNT_ATTR_RDONLY), MOUNT_ATTR_SIZE_VER0])
      return fd
    }
    const owner = idmap === undefined || upper === undefined ? undefined : { uid: idmap.uid, gid: idmap.gid }
    return await overlayByHelper({ description, style, owner }, idmap?.fd, options.folder)
  } finally {
    if (idmap !== undefined) closeSync(idmap.fd)
  }
}

export { checkedRootfs } from './check.ts'

const ST_RDONLY = 1

/** Whether the file system itself (not the mount) cannot be written to. */
const isReadonly = (fd: number): boolean => {
  const statfs = Buffer.alloc(120)
  syscall('fstatfs', [fd, statfs])
  return (Number(statfs.readBigInt64LE(80)) & ST_RDONLY) !== 0
}

/**
 * What comes before the mount of a checked description: the upper and the work folder are made if they are missing, their size
 * is limited, and what a volatile container has left is judged.
 */
export const prepareRootfs = (description: RootfsDescription): Prepared => {
  const { upper, work, size, volatile } = description
  const prepared = prepareUpper(description)
  if (upper === undefined || work === undefined) return prepared
  try {
    if (size !== undefined) limitSize([upper, work], size)
    settleVolatile(upper, work, volatile === true)
    return prepared
  } catch (error) {
    prepared.undo()
    throw error
  }
}

/**
 * A close-on-exec descriptor of a detached mount: it is in nobody's mount table, and goes with its last descriptor. Needs
 * CAP_SYS_ADMIN in the owner of this mount namespace. Makes the upper and the work folder if they are missing, and takes them
 * away again after a failure. Throws InvalidField, WherryError (not-found: a layer; unsupported: the upper folder's file system;
 * failed-precondition: an upper folder that a power cut may have torn) or SyscallError.
 */
export const openRootfs = async (given: RootfsDescription, options: OpenOptions): Promise<number> => {
  const description = checkedRootfs(given)
  const prepared = prepareRootfs(description)
  const { upper } = description
  try {
    const fd = await mountIt(description, styleOf(description), options)
    if (upper === undefined || description.readonly === true || !isReadonly(fd)) return fd
    closeSync(fd)
    throw notWritable(upper)
  } catch (error) {
    const cause = diagnosed(error, description)
    prepared.undo()
    throw cause
  }
}
