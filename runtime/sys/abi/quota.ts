/** Project quotas: linux/quota.h, linux/fs.h; quotactl(2), ioctl_xfs_fssetxattr in xfsctl(3). */

export const PRJQUOTA = 2
/** To be combined with a type: (command << 8) | type, QCMD. Linux 5.14 has quotactl_fd. */
export const Q_GETINFO = 0x800005
export const Q_GETQUOTA = 0x800007
export const Q_SETQUOTA = 0x800008

/** Limits are in blocks of 1024 bytes, dqb_curspace is in bytes. 64 bits each, dqb_valid 32. */
export const IF_DQBLK = {
  dqb_bhardlimit: 0,
  dqb_bsoftlimit: 8,
  dqb_curspace: 16,
  dqb_ihardlimit: 24,
  dqb_isoftlimit: 32,
  dqb_curinodes: 40,
  dqb_btime: 48,
  dqb_itime: 56,
  dqb_valid: 64,
  size: 72,
} as const
export const QIF_DQBLKSIZE = 1024
export const QIF_BLIMITS = 0x1

/** struct fsxattr of FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR: 32 bits each. */
export const FSXATTR = { fsx_xflags: 0, fsx_extsize: 4, fsx_nextents: 8, fsx_projid: 12, fsx_cowextsize: 16, size: 28 } as const
/** New entries of a folder get its project. */
export const FS_XFLAG_PROJINHERIT = 0x200
