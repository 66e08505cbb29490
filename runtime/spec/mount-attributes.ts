/** mount(2)'s one word of flags, taken apart for the newer mount calls: attributes of the mount, flags of the superblock. */
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_DIRSYNC,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from '../sys/abi/mount.ts'
import type { MountAttributes, MountOptions } from './mount-options.ts'

/** MS_* that are attributes of one mount, and how mount_setattr(2) calls them. */
const ATTRIBUTES: readonly (readonly [ms: number, attr: number])[] = [
  [MS_RDONLY, MOUNT_ATTR_RDONLY],
  [MS_NOSUID, MOUNT_ATTR_NOSUID],
  [MS_NODEV, MOUNT_ATTR_NODEV],
  [MS_NOEXEC, MOUNT_ATTR_NOEXEC],
  [MS_NODIRATIME, MOUNT_ATTR_NODIRATIME],
  [MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW],
  [MS_NOATIME, MOUNT_ATTR_NOATIME],
  [MS_STRICTATIME, MOUNT_ATTR_STRICTATIME],
]
const MS_ATIME = MS_NOATIME | MS_STRICTATIME | MS_RELATIME

/** Flags of the superblock by their names for fsconfig(2) FSCONFIG_SET_FLAG; the kernel has no more of them. */
const SUPERBLOCK: readonly (readonly [ms: number, name: string])[] = [
  [MS_RDONLY, 'ro'],
  [MS_SYNCHRONOUS, 'sync'],
  [MS_DIRSYNC, 'dirsync'],
  [MS_MANDLOCK, 'mand'],
  [MS_LAZYTIME, 'lazytime'],
]

/** The attributes of one mount among mount(2) flags: of what is to be set, and what is to be taken away. */
export const mountAttributes = ({ flags, cleared }: Pick<MountOptions, 'flags' | 'cleared'>): MountAttributes => {
  let set = 0
  let clear = 0
  for (const [ms, attr] of ATTRIBUTES) {
    if (flags & ms) set |= attr
    if (cleared & ms) clear |= attr
  }
  if ((set & MOUNT_ATTR__ATIME) === MOUNT_ATTR__ATIME) set &= ~MOUNT_ATTR_NOATIME
  if ((flags | cleared) & MS_ATIME) clear |= MOUNT_ATTR__ATIME
  return { set, clear }
}

/** Names for fsconfig(2) FSCONFIG_SET_FLAG of those mount(2) flags that belong to the superblock. */
export const superblockFlags = (flags: number): readonly string[] => SUPERBLOCK.filter(([ms]) => flags & ms).map(([, name]) => name)
