/** Constants of the mount calls; uapi/linux/mount.h, uapi/linux/fcntl.h, unistd headers. All architectures share them. */

/** mount(2), statvfs(3). */
export const MS_RDONLY = 0x1
export const MS_NOSUID = 0x2
export const MS_NODEV = 0x4
export const MS_NOEXEC = 0x8
export const MS_SYNCHRONOUS = 0x10
export const MS_REMOUNT = 0x20
export const MS_MANDLOCK = 0x40
export const MS_DIRSYNC = 0x80
export const MS_NOSYMFOLLOW = 0x100
export const MS_NOATIME = 0x400
export const MS_NODIRATIME = 0x800
export const MS_BIND = 0x1000
export const MS_MOVE = 0x2000
export const MS_REC = 0x4000
export const MS_SILENT = 0x8000
export const MS_POSIXACL = 0x1_0000
export const MS_UNBINDABLE = 0x2_0000
export const MS_PRIVATE = 0x4_0000
export const MS_SLAVE = 0x8_0000
export const MS_SHARED = 0x10_0000
export const MS_RELATIME = 0x20_0000
export const MS_I_VERSION = 0x80_0000
export const MS_STRICTATIME = 0x100_0000
export const MS_LAZYTIME = 0x200_0000

/** umount2(2). */
export const MNT_FORCE = 0x1
export const MNT_DETACH = 0x2
export const MNT_EXPIRE = 0x4
export const UMOUNT_NOFOLLOW = 0x8

/** open_tree(2); O_CLOEXEC, AT_RECURSIVE and AT_EMPTY_PATH go with them. */
export const OPEN_TREE_CLONE = 0x1
export const OPEN_TREE_CLOEXEC = 0x8_0000
export const AT_RECURSIVE = 0x8000

/** move_mount(2). */
export const MOVE_MOUNT_F_SYMLINKS = 0x1
export const MOVE_MOUNT_F_AUTOMOUNTS = 0x2
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4
export const MOVE_MOUNT_T_SYMLINKS = 0x10
export const MOVE_MOUNT_T_AUTOMOUNTS = 0x20
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40
/** Linux 5.15. */
export const MOVE_MOUNT_SET_GROUP = 0x100
/** Linux 6.5. */
export const MOVE_MOUNT_BENEATH = 0x200

/** fsopen(2), fsmount(2), fspick(2). */
export const FSOPEN_CLOEXEC = 0x1
export const FSMOUNT_CLOEXEC = 0x1
export const FSPICK_CLOEXEC = 0x1
export const FSPICK_SYMLINK_NOFOLLOW = 0x2
export const FSPICK_NO_AUTOMOUNT = 0x4
export const FSPICK_EMPTY_PATH = 0x8

/** fsconfig(2). */
export const FSCONFIG_SET_FLAG = 0
export const FSCONFIG_SET_STRING = 1
export const FSCONFIG_SET_BINARY = 2
export const FSCONFIG_SET_PATH = 3
export const FSCONFIG_SET_PATH_EMPTY = 4
export const FSCONFIG_SET_FD = 5
export const FSCONFIG_CMD_CREATE = 6
export const FSCONFIG_CMD_RECONFIGURE = 7
/** Linux 6.6. */
export const FSCONFIG_CMD_CREATE_EXCL = 8

/** mount_setattr(2), fsmount(2): they fit in 32 bits, the fields of struct mount_attr have 64. */
export const MOUNT_ATTR_RDONLY = 0x1
export const MOUNT_ATTR_NOSUID = 0x2
export const MOUNT_ATTR_NODEV = 0x4
export const MOUNT_ATTR_NOEXEC = 0x8
/** The mask of the three access time settings, of which relatime is zero. */
export const MOUNT_ATTR__ATIME = 0x70
export const MOUNT_ATTR_RELATIME = 0x0
export const MOUNT_ATTR_NOATIME = 0x10
export const MOUNT_ATTR_STRICTATIME = 0x20
export const MOUNT_ATTR_NODIRATIME = 0x80
export const MOUNT_ATTR_IDMAP = 0x10_0000
/** Linux 5.14. */
export const MOUNT_ATTR_NOSYMFOLLOW = 0x20_0000
/** sizeof(struct mount_attr): attr_set, attr_clr, propagation, userns_fd, 64 bits each. */
export const MOUNT_ATTR_SIZE_VER0 = 32
