/** ioctl(2) requests: asm-generic/ioctls.h, asm-generic/termbits.h, linux/nsfs.h, linux/sockios.h, linux/if.h, linux/fs.h. */

/** Terminals, ioctl_tty(2). */
export const TCGETS = 0x5401
export const TCSETS = 0x5402
export const TCSETSW = 0x5403
export const TCSETSF = 0x5404
export const TIOCEXCL = 0x540c
export const TIOCSCTTY = 0x540e
export const TIOCGPGRP = 0x540f
export const TIOCSPGRP = 0x5410
export const TIOCSTI = 0x5412
export const TIOCGWINSZ = 0x5413
export const TIOCSWINSZ = 0x5414
export const FIONREAD = 0x541b
export const TIOCLINUX = 0x541c
export const TIOCCONS = 0x541d
export const FIONBIO = 0x5421
export const TIOCNOTTY = 0x5422
export const TIOCGSID = 0x5429
export const TIOCGPTN = 0x80045430
export const TIOCSPTLCK = 0x40045431
export const TIOCGPTPEER = 0x5441
export const FIOCLEX = 0x5451
export const FIONCLEX = 0x5450

/** struct winsize: 16-bit fields. */
export const WINSIZE = { ws_row: 0, ws_col: 2, ws_xpixel: 4, ws_ypixel: 6, size: 8 } as const
/** The kernel's struct termios (TCGETS; libc's is longer): the flags 32 bits, c_line and c_cc bytes. */
export const TERMIOS = { c_iflag: 0, c_oflag: 4, c_cflag: 8, c_lflag: 12, c_line: 16, c_cc: 17, size: 36 } as const
export const OPOST = 0x1
export const ONLCR = 0x4
export const ECHO = 0x8
export const ICANON = 0x2
export const ISIG = 0x1
export const ICRNL = 0x100
export const VMIN = 6
export const VTIME = 5

/** Namespaces, ioctl_ns(2). The last three are of Linux 6.11 and 6.12. */
export const NS_GET_USERNS = 0xb701
export const NS_GET_PARENT = 0xb702
export const NS_GET_NSTYPE = 0xb703
export const NS_GET_OWNER_UID = 0xb704
export const NS_GET_MNTNS_ID = 0x8008b705
export const NS_GET_PID_FROM_PIDNS = 0x8004b706
export const NS_GET_TGID_FROM_PIDNS = 0x8004b707
export const NS_GET_PID_IN_PIDNS = 0x8004b708
export const NS_GET_TGID_IN_PIDNS = 0x8004b709

/** Network interfaces, netdevice(7). */
export const SIOCGIFNAME = 0x8910
export const SIOCGIFCONF = 0x8912
export const SIOCGIFFLAGS = 0x8913
export const SIOCSIFFLAGS = 0x8914
export const SIOCGIFADDR = 0x8915
export const SIOCSIFADDR = 0x8916
export const SIOCGIFNETMASK = 0x891b
export const SIOCSIFNETMASK = 0x891c
export const SIOCGIFMTU = 0x8921
export const SIOCSIFMTU = 0x8922
export const SIOCSIFNAME = 0x8923
export const SIOCSIFHWADDR = 0x8924
export const SIOCGIFHWADDR = 0x8927
export const SIOCGIFINDEX = 0x8933
export const SIOCGSKNS = 0x894c
export const IFNAMSIZ = 16
/** struct ifreq: a name of IFNAMSIZ bytes and a union; ifr_flags 16 bits, ifr_ifindex and ifr_mtu 32, ifr_addr a sockaddr. */
export const IFREQ = { ifr_name: 0, ifr_flags: 16, ifr_ifindex: 16, ifr_mtu: 16, ifr_addr: 16, size: 40 } as const
export const IFF_UP = 0x1
export const IFF_BROADCAST = 0x2
export const IFF_LOOPBACK = 0x8
export const IFF_RUNNING = 0x40

/** Files, ioctl_iflags(2), ioctl_ficlonerange(2). */
export const FS_IOC_GETFLAGS = 0x80086601
export const FS_IOC_SETFLAGS = 0x40086602
export const FS_IOC_FSGETXATTR = 0x801c581f
export const FS_IOC_FSSETXATTR = 0x401c5820
export const FS_IMMUTABLE_FL = 0x10
export const FS_APPEND_FL = 0x20
export const FICLONE = 0x40049409
