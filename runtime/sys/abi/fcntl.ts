/** Files and descriptors: asm-generic/fcntl.h, linux/fcntl.h, linux/openat2.h, linux/memfd.h, linux/close_range.h; open(2), fcntl(2). */

export const O_ACCMODE = 0x3
export const O_RDONLY = 0x0
export const O_WRONLY = 0x1
export const O_RDWR = 0x2
export const O_CREAT = 0x40
export const O_EXCL = 0x80
export const O_NOCTTY = 0x100
export const O_TRUNC = 0x200
export const O_APPEND = 0x400
export const O_NONBLOCK = 0x800
export const O_DSYNC = 0x1000
export const O_ASYNC = 0x2000
export const O_NOATIME = 0x40000
export const O_CLOEXEC = 0x80000
export const O_SYNC = 0x101000
export const O_PATH = 0x200000

/** The flags that differ between architectures: `O_DIRECTORY[arch]`. */
export const O_DIRECT = { x64: 0x4000, arm64: 0x10000 } as const
export const O_LARGEFILE = { x64: 0x8000, arm64: 0x20000 } as const
export const O_DIRECTORY = { x64: 0x10000, arm64: 0x4000 } as const
export const O_NOFOLLOW = { x64: 0x20000, arm64: 0x8000 } as const
export const O_TMPFILE = { x64: 0x410000, arm64: 0x404000 } as const

export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_EACCESS = 0x200
export const AT_REMOVEDIR = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000
export const AT_STATX_SYNC_AS_STAT = 0x0
export const AT_STATX_FORCE_SYNC = 0x2000
export const AT_STATX_DONT_SYNC = 0x4000
export const AT_RECURSIVE = 0x8000

/** struct open_how of openat2(2): three 64-bit fields. */
export const OPEN_HOW = { flags: 0, mode: 8, resolve: 16, size: 24 } as const
export const RESOLVE_NO_XDEV = 0x01
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08
export const RESOLVE_IN_ROOT = 0x10
export const RESOLVE_CACHED = 0x20

export const F_DUPFD = 0
export const F_GETFD = 1
export const F_SETFD = 2
export const F_GETFL = 3
export const F_SETFL = 4
export const F_OFD_GETLK = 36
export const F_OFD_SETLK = 37
export const F_OFD_SETLKW = 38
export const F_DUPFD_QUERY = 1027
export const F_DUPFD_CLOEXEC = 1030
export const F_SETPIPE_SZ = 1031
export const F_GETPIPE_SZ = 1032
export const F_ADD_SEALS = 1033
export const F_GET_SEALS = 1034
export const FD_CLOEXEC = 1

export const F_SEAL_SEAL = 0x01
export const F_SEAL_SHRINK = 0x02
export const F_SEAL_GROW = 0x04
export const F_SEAL_WRITE = 0x08
export const F_SEAL_FUTURE_WRITE = 0x10
export const F_SEAL_EXEC = 0x20

export const MFD_CLOEXEC = 0x01
export const MFD_ALLOW_SEALING = 0x02
export const MFD_HUGETLB = 0x04
export const MFD_NOEXEC_SEAL = 0x08
export const MFD_EXEC = 0x10

export const CLOSE_RANGE_UNSHARE = 0x2
export const CLOSE_RANGE_CLOEXEC = 0x4

/** struct flock of fcntl: l_type and l_whence 16 bits, l_start and l_len 64, l_pid 32. */
export const F_RDLCK = 0
export const F_WRLCK = 1
export const F_UNLCK = 2
export const FLOCK = { l_type: 0, l_whence: 2, l_start: 8, l_len: 16, l_pid: 24, size: 32 } as const

/** flock(2). */
export const LOCK_SH = 1
export const LOCK_EX = 2
export const LOCK_NB = 4
export const LOCK_UN = 8

export const SEEK_SET = 0
export const SEEK_CUR = 1
export const SEEK_END = 2

/** access(2). */
export const F_OK = 0
export const X_OK = 1
export const W_OK = 2
export const R_OK = 4

/** renameat2(2). */
export const RENAME_NOREPLACE = 0x1
export const RENAME_EXCHANGE = 0x2
export const RENAME_WHITEOUT = 0x4
