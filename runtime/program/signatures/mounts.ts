/** Mounts: mount(2), open_tree(2), fsopen(2), mount_setattr(2) and their like. mount's parameters have the short names of mount(8). */
import * as fcntl from '../../sys/abi/fcntl.ts'
import * as mount from '../../sys/abi/mount.ts'
import { enumeration, flags, join, pick } from './constants.ts'
import { constant, depends, fd, int, type Kind, type Signature, size } from './kind.ts'
import { layout, struct } from './struct.ts'
import { data, string } from './text.ts'

const attributes = flags(pick(mount, /^MOUNT_ATTR_(?!SIZE)/))
const tree = flags(join(pick(mount, /^OPEN_TREE_/), pick(fcntl, /^AT_(RECURSIVE|EMPTY_PATH|SYMLINK_NOFOLLOW|NO_AUTOMOUNT)$/)))

/** struct mount_attr: four 64-bit fields. */
const mountAttr = struct(
  layout([
    ['attr_set', 0, 8, attributes],
    ['attr_clr', 8, 8, attributes],
    ['propagation', 16, 8, flags(pick(mount, /^MS_(UNBINDABLE|PRIVATE|SLAVE|SHARED|REC)$/))],
    ['userns_fd', 24, 8, fd],
  ]),
)

const { FSCONFIG_SET_STRING, FSCONFIG_SET_BINARY, FSCONFIG_SET_PATH, FSCONFIG_SET_PATH_EMPTY, FSCONFIG_SET_FD } = mount
const VALUES = new Map<number | undefined, Kind>([
  [FSCONFIG_SET_STRING, string],
  [FSCONFIG_SET_BINARY, data(4)],
  [FSCONFIG_SET_PATH, string],
  [FSCONFIG_SET_PATH_EMPTY, string],
])
/** The last argument: a descriptor where the value is one or lies beneath one. */
const AUXILIARY = new Map<number | undefined, Kind>([
  [FSCONFIG_SET_BINARY, size],
  [FSCONFIG_SET_PATH, fd],
  [FSCONFIG_SET_PATH_EMPTY, fd],
  [FSCONFIG_SET_FD, fd],
])

export const MOUNTS = {
  mount: { src: string, dst: string, type: string, flags: flags(pick(mount, /^MS_/)), data: string },
  umount2: { target: string, flags: flags(pick(mount, /^(MNT_|UMOUNT_)/)) },
  pivot_root: { new_root: string, put_old: string },
  open_tree: { dirfd: fd, pathname: string, flags: tree },
  open_tree_attr: { dirfd: fd, pathname: string, flags: tree, attr: mountAttr, size },
  move_mount: { from_dirfd: fd, from_pathname: string, to_dirfd: fd, to_pathname: string, flags: flags(pick(mount, /^MOVE_MOUNT_/)) },
  fsopen: { fsname: string, flags: flags(pick(mount, /^FSOPEN_/)) },
  fspick: { dirfd: fd, pathname: string, flags: flags(pick(mount, /^FSPICK_/)) },
  fsconfig: {
    fd,
    cmd: enumeration(pick(mount, /^FSCONFIG_/)),
    key: string,
    value: depends((args) => VALUES.get(constant(args[1])) ?? string),
    aux: depends((args) => AUXILIARY.get(constant(args[1])) ?? int),
  },
  fsmount: { fsfd: fd, flags: flags(pick(mount, /^FSMOUNT_/)), attr_flags: attributes },
  mount_setattr: {
    dirfd: fd,
    pathname: string,
    flags: flags(pick(fcntl, /^AT_(RECURSIVE|EMPTY_PATH|SYMLINK_NOFOLLOW|NO_AUTOMOUNT)$/)),
    attr: mountAttr,
    size,
  },
} as const satisfies Readonly<Record<string, Signature>>
