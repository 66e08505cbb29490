/**
 * The attributes of bind mounts, as runc and mount(8) have come to do it. Without an option the mount is as its source. With one,
 * what is not named is cleared, but access times stay unless one is named. For a container in a user namespace of its own the
 * flags of the source are locked, mount_namespaces(7): they stay, and to ask for their opposite fails.
 */
import type { Operand } from '../program/operand.ts'
import { mountAttributes } from '../spec/mount-attributes.ts'
import type { MountOptions } from '../spec/mount-options.ts'
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MS_BIND,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_STRICTATIME,
} from '../sys/abi/mount.ts'
import type { Emit } from './plan.ts'
import { setAttributes } from './set-attributes.ts'

/** struct statfs of the 64-bit architectures: f_flags, whose bits are ST_* of statvfs(3). */
const STATFS_FLAGS = 80
const STATFS_SIZE = 120
const [ST_NOATIME, ST_NODIRATIME, ST_RELATIME] = [0x400, 0x800, 0x1000]

const LOCKABLE = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC // equal to ST_*
const CLEARED = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW
const MS_ATIME = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME
const ATTR_ATIME = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME

/** What fstatfs(2) says of a mount with these access times; relatime is the default. */
const wantedAtime = (flags: number): number =>
  (flags & MS_NODIRATIME ? ST_NODIRATIME : 0) | (flags & MS_NOATIME ? ST_NOATIME : flags & MS_STRICTATIME ? 0 : ST_RELATIME)

/** Fails where the options would take a flag from the source that is locked. */
const refuseUnlocking = ({ p }: Pick<Emit<unknown>, 'p'>, fd: Operand, { flags, cleared }: MountOptions): void => {
  const [removed, atime] = [cleared & LOCKABLE, flags & MS_ATIME]
  if (removed === 0 && atime === 0) return
  const { during } = p
  p.during = `${during ?? ''}: the source's flags are locked in a user namespace`
  const statfs = p.buffer(STATFS_SIZE)
  p.call('fstatfs', [fd, statfs])
  if (removed !== 0) p.compare(statfs.plus(STATFS_FLAGS), 0, { mask: removed, otherwise: 'fail' })
  if (atime !== 0)
    p.compare(statfs.plus(STATFS_FLAGS), wantedAtime(flags), { mask: ST_NOATIME | ST_NODIRATIME | ST_RELATIME, otherwise: 'fail' })
  p.during = during
}

/** @param locked the container is in a user namespace that the source is not of */
export const emitBindAttributes = (emit: Pick<Emit<unknown>, 'p'>, fd: Operand, options: MountOptions, locked: boolean): void => {
  const { flags, cleared } = options
  if (((flags & ~(MS_BIND | MS_REC | MS_REMOUNT)) | cleared) === 0) return
  const { set } = mountAttributes(options)
  if (locked) refuseUnlocking(emit, fd, options)
  const clear = (locked ? MOUNT_ATTR_NOSYMFOLLOW : CLEARED) & ~set
  setAttributes(emit.p, fd, { set, clear: clear | (flags & MS_ATIME ? ATTR_ATIME & ~(set & MOUNT_ATTR_NODIRATIME) : 0) })
}
