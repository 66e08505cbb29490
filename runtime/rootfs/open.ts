/** The root filesystem of a container as a detached mount. */
import { closeSync } from 'node:fs'
import { inInitialUserNamespace, type Mappings, userNamespace } from '../container/idmap.ts'
import { InvalidField } from '../errors.ts'
import { AT_EMPTY_PATH } from '../sys/abi/fcntl.ts'
import { MOUNT_ATTR_RDONLY, MOUNT_ATTR_SIZE_VER0 } from '../sys/abi/mount.ts'
import { syscall } from '../sys/syscall.ts'
import { checkRootfs } from './check.ts'
import { diagnosed, notWritable } from './diagnose.ts'
import { bindHere, mountAttr, overlayHere } from './direct.ts'
import { overlayByHelper } from './helper.ts'
import { appendsLowers } from './kernel.ts'
import { limitSize } from './quota.ts'
import type { OverlayStyle, RootfsDescription } from './types.ts'
import { prepareUpper } from './upper.ts'
import { settleVolatile } from './volatile.ts'

export interface OpenOptions {
  /** Where an executable can be kept for a moment if memory cannot be executed. */
  readonly folder: string
  /** In the place of `idmap`'s mappings: a user namespace that is there, with the host's ids of its root. */
  readonly userns?: { readonly fd: number; readonly uid: number; readonly gid: number } | undefined
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

const openIdmap = async (
  { idmap }: RootfsDescription,
  { folder, userns }: OpenOptions,
): Promise<(Idmap & { close: () => void }) | undefined> => {
  if (userns !== undefined) return { ...userns, close: () => {} }
  if (idmap === undefined) return undefined
  const [uid, gid] = [firstHostID(idmap.uid, 'rootfs.idmap.uid'), firstHostID(idmap.gid, 'rootfs.idmap.gid')]
  const fd = await userNamespace(idmap, folder)
  return { fd, uid, gid, close: () => closeSync(fd) }
}

const mountIt = async (description: RootfsDescription, style: OverlayStyle, options: OpenOptions): Promise<number> => {
  const { lowers, upper, readonly } = description
  const idmap = await openIdmap(description, options)
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
    idmap?.close()
  }
}

const ST_RDONLY = 1

/** Whether the file system itself (not the mount) cannot be written to. */
const isReadonly = (fd: number): boolean => {
  const statfs = Buffer.alloc(120)
  syscall('fstatfs', [fd, statfs])
  return (Number(statfs.readBigInt64LE(80)) & ST_RDONLY) !== 0
}

/**
 * A close-on-exec descriptor of a detached mount: it is in nobody's mount table, and goes with its last descriptor. Needs
 * CAP_SYS_ADMIN in the owner of this mount namespace. Makes the upper and the work folder if they are missing, and takes them
 * away again after a failure. Throws InvalidField, WherryError (not-found: a layer; unsupported: the upper folder's file system;
 * failed-precondition: an upper folder that a power cut may have torn) or SyscallError.
 */
export const openRootfs = async (description: RootfsDescription, options: OpenOptions): Promise<number> => {
  checkRootfs(description)
  const { upper, work, size } = description
  const prepared = prepareUpper(description)
  try {
    if (upper !== undefined && work !== undefined) {
      if (size !== undefined) limitSize([upper, work], size)
      settleVolatile(upper, work, description.volatile === true)
    }
    const fd = await mountIt(description, styleOf(description), options)
    if (upper === undefined || description.readonly === true || !isReadonly(fd)) return fd
    closeSync(fd)
    throw notWritable(upper)
  } catch (error) {
    prepared.undo()
    throw diagnosed(error, description)
  }
}
