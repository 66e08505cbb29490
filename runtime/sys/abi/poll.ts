/** Readiness: asm-generic/poll.h, linux/eventpoll.h, linux/eventfd.h; poll(2), epoll(7), eventfd(2). */

export const POLLIN = 0x1
export const POLLPRI = 0x2
export const POLLOUT = 0x4
export const POLLERR = 0x8
export const POLLHUP = 0x10
export const POLLNVAL = 0x20
export const POLLRDHUP = 0x2000

/** struct pollfd: fd 32 bits, events and revents 16. */
export const POLLFD = { fd: 0, events: 4, revents: 6, size: 8 } as const

export const EPOLLIN = 0x1
export const EPOLLOUT = 0x4
export const EPOLLERR = 0x8
export const EPOLLHUP = 0x10
export const EPOLLRDHUP = 0x2000
export const EPOLLONESHOT = 0x40000000
export const EPOLLET = 0x80000000
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const EPOLL_CLOEXEC = 0x80000

/** struct epoll_event is packed on x86-64 only: events 32 bits, data 64. */
export const EPOLL_EVENT = { x64: { events: 0, data: 4, size: 12 }, arm64: { events: 0, data: 8, size: 16 } } as const

export const EFD_SEMAPHORE = 0x1
export const EFD_NONBLOCK = 0x800
export const EFD_CLOEXEC = 0x80000
