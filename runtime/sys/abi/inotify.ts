/** sys/inotify.h and linux/inotify.h. */

export const IN_MODIFY = 0x2
export const IN_MOVED_TO = 0x80
export const IN_CREATE = 0x100
export const IN_Q_OVERFLOW = 0x4000
export const IN_NONBLOCK = 0x800
export const IN_CLOEXEC = 0x80000

/** struct inotify_event; the name, with NULs behind it, follows. */
export const INOTIFY_EVENT = { wd: 0, mask: 4, cookie: 8, len: 12, size: 16 } as const
