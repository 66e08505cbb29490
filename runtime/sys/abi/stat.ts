/** File types, modes and attributes: linux/stat.h; stat(2), statx(2). */

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000

export const STATX_TYPE = 0x1
export const STATX_MODE = 0x2
export const STATX_NLINK = 0x4
export const STATX_UID = 0x8
export const STATX_GID = 0x10
export const STATX_ATIME = 0x20
export const STATX_MTIME = 0x40
export const STATX_CTIME = 0x80
export const STATX_INO = 0x100
export const STATX_SIZE = 0x200
export const STATX_BLOCKS = 0x400
export const STATX_BASIC_STATS = 0x7ff
export const STATX_BTIME = 0x800
export const STATX_MNT_ID = 0x1000
export const STATX_DIOALIGN = 0x2000
export const STATX_MNT_ID_UNIQUE = 0x4000
export const STATX_SUBVOL = 0x8000

export const STATX_ATTR_COMPRESSED = 0x4
export const STATX_ATTR_IMMUTABLE = 0x10
export const STATX_ATTR_APPEND = 0x20
export const STATX_ATTR_NODUMP = 0x40
export const STATX_ATTR_ENCRYPTED = 0x800
export const STATX_ATTR_AUTOMOUNT = 0x1000
export const STATX_ATTR_MOUNT_ROOT = 0x2000
export const STATX_ATTR_VERITY = 0x100000
export const STATX_ATTR_DAX = 0x200000

/**
 * struct statx: offsets. 64 bits: stx_attributes, stx_ino, stx_size, stx_blocks, stx_attributes_mask, stx_mnt_id;
 * 16 bits: stx_mode; the others 32. A timestamp is tv_sec (64 bits, signed) and tv_nsec (32).
 */
export const STATX = {
  stx_mask: 0,
  stx_blksize: 4,
  stx_attributes: 8,
  stx_nlink: 16,
  stx_uid: 20,
  stx_gid: 24,
  stx_mode: 28,
  stx_ino: 32,
  stx_size: 40,
  stx_blocks: 48,
  stx_attributes_mask: 56,
  stx_atime: 64,
  stx_btime: 80,
  stx_ctime: 96,
  stx_mtime: 112,
  stx_rdev_major: 128,
  stx_rdev_minor: 132,
  stx_dev_major: 136,
  stx_dev_minor: 140,
  stx_mnt_id: 144,
  size: 256,
} as const
