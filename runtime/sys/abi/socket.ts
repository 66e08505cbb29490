/** Sockets: linux/socket.h, asm-generic/socket.h, linux/un.h; socket(2), unix(7), cmsg(3). */

export const AF_UNSPEC = 0
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_AX25 = 3
export const AF_INET6 = 10
export const AF_KEY = 15
export const AF_NETLINK = 16
export const AF_PACKET = 17
export const AF_ALG = 38
export const AF_VSOCK = 40

export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_SEQPACKET = 5
export const SOCK_NONBLOCK = 0x800
export const SOCK_CLOEXEC = 0x80000

export const MSG_OOB = 0x1
export const MSG_PEEK = 0x2
export const MSG_DONTROUTE = 0x4
export const MSG_CTRUNC = 0x8
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_EOR = 0x80
export const MSG_WAITALL = 0x100
export const MSG_NOSIGNAL = 0x4000
export const MSG_MORE = 0x8000
export const MSG_CMSG_CLOEXEC = 0x40000000

export const SCM_RIGHTS = 0x1
export const SCM_CREDENTIALS = 0x2
/** The most descriptors that one SCM_RIGHTS message carries (SCM_MAX_FD of the kernel, not in its exported headers). */
export const SCM_MAX_FD = 253

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_TYPE = 3
export const SO_ERROR = 4
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const SO_PASSCRED = 16
export const SO_PEERCRED = 17
export const SO_RCVTIMEO = 20
export const SO_SNDTIMEO = 21
export const SO_ACCEPTCONN = 30
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const SO_PROTOCOL = 38
export const SO_DOMAIN = 39
export const SO_PEERPIDFD = 77

export const SHUT_RD = 0
export const SHUT_WR = 1
export const SHUT_RDWR = 2
export const SOMAXCONN = 4096

/** struct sockaddr_un: the path has 108 bytes, with a NUL behind it that may be left out. */
export const SOCKADDR_UN = { sun_family: 0, sun_path: 2, size: 110 } as const
export const UNIX_PATH_MAX = 108

/** struct msghdr, struct iovec, struct cmsghdr on 64-bit architectures (msg_namelen, msg_flags, cmsg_level and cmsg_type 32 bits). */
export const MSGHDR = {
  msg_name: 0,
  msg_namelen: 8,
  msg_iov: 16,
  msg_iovlen: 24,
  msg_control: 32,
  msg_controllen: 40,
  msg_flags: 48,
  size: 56,
} as const
export const IOVEC = { iov_base: 0, iov_len: 8, size: 16 } as const
export const CMSGHDR = { cmsg_len: 0, cmsg_level: 8, cmsg_type: 12, size: 16 } as const

/** struct ucred of SO_PEERCRED and SCM_CREDENTIALS: 32-bit fields. */
export const UCRED = { pid: 0, uid: 4, gid: 8, size: 12 } as const
