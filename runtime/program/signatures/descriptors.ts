/** Reading, writing and waiting: read(2), pipe(2), fcntl(2), poll(2), epoll(7), splice(2), inotify(7). */
import * as fcntl from '../../sys/abi/fcntl.ts'
import { FLOCK } from '../../sys/abi/fcntl.ts'
import * as poll from '../../sys/abi/poll.ts'
import { EPOLL_EVENT, POLLFD } from '../../sys/abi/poll.ts'
import * as splice from '../../sys/abi/splice.ts'
import type { Arch } from '../../sys/abi/syscalls.ts'
import { enumeration, flags, pick } from './constants.ts'
import { openFlags } from './files.ts'
import { constant, depends, fd, int, type Kind, out, outOf, type Signature, pid, size, uint, word } from './kind.ts'
import { REQUESTS, requestArgument } from './requests.ts'
import { signalSet } from './signals.ts'
import { array, arrayLayout, layout, struct } from './struct.ts'
import { data, string } from './text.ts'
import { timespec } from './times.ts'
import { iovecs } from './vectors.ts'

const events = flags(pick(poll, /^POLL(?!FD)/))
const pollfds = array(
  arrayLayout(
    [
      ['fd', POLLFD.fd, 4, fd, 'always'],
      ['events', POLLFD.events, 2, events],
      ['revents', POLLFD.revents, 2, events],
    ],
    POLLFD.size,
  ),
  { argument: 1 },
)

const epollEvents = flags(pick(poll, /^EPOLL(?!_)/))
const EPOLL = (arch: Arch) =>
  arrayLayout(
    [
      ['events', EPOLL_EVENT[arch].events, 4, epollEvents],
      ['data', EPOLL_EVENT[arch].data, 8, word],
    ],
    EPOLL_EVENT[arch].size,
  )
const EPOLL_EVENTS = { x64: EPOLL('x64'), arm64: EPOLL('arm64') }
const epollEvent: Kind = Object.assign(
  depends((_, { arch }) => struct(EPOLL_EVENTS[arch])),
  { layout: (arch: Arch) => ({ fields: EPOLL_EVENTS[arch].fields, stride: undefined }) },
)

const flock = struct(
  layout([
    ['l_type', FLOCK.l_type, 2, enumeration(pick(fcntl, /^F_(RDLCK|WRLCK|UNLCK)$/)), 'always'],
    ['l_whence', FLOCK.l_whence, 2, enumeration(pick(fcntl, /^SEEK_/)), 'always'],
    ['l_start', FLOCK.l_start, 8, size],
    ['l_len', FLOCK.l_len, 8, size],
    ['l_pid', FLOCK.l_pid, 4, pid],
  ]),
)

const FCNTL_ARGUMENTS = new Map<number | undefined, Kind>([
  [fcntl.F_DUPFD, int],
  [fcntl.F_DUPFD_CLOEXEC, int],
  [fcntl.F_DUPFD_QUERY, fd],
  [fcntl.F_SETFD, flags(pick(fcntl, /^FD_CLOEXEC$/))],
  [fcntl.F_SETFL, openFlags],
  [fcntl.F_ADD_SEALS, flags(pick(fcntl, /^F_SEAL_/))],
  [fcntl.F_OFD_GETLK, flock],
  [fcntl.F_OFD_SETLK, flock],
  [fcntl.F_OFD_SETLKW, flock],
])

const spliceFlags = flags(pick(splice, /^SPLICE_F_/))
const cloexec = flags(pick(fcntl, /^O_(CLOEXEC|NONBLOCK|DIRECT)$/))

export const DESCRIPTORS = {
  read: { fd, buf: out, count: size },
  write: { fd, buf: data(2), count: size },
  pread64: { fd, buf: out, count: size, offset: size },
  pwrite64: { fd, buf: data(2), count: size, offset: size },
  readv: { fd, iov: iovecs(2), iovcnt: size },
  writev: { fd, iov: iovecs(2), iovcnt: size },
  lseek: { fd, offset: size, whence: enumeration(pick(fcntl, /^SEEK_/)) },
  getdents64: { fd, dirp: out, count: size },
  sendfile: { out_fd: fd, in_fd: fd, offset: out, count: size },
  splice: { fd_in: fd, off_in: out, fd_out: fd, off_out: out, len: size, flags: spliceFlags },
  tee: { fd_in: fd, fd_out: fd, len: size, flags: spliceFlags },
  copy_file_range: { fd_in: fd, off_in: out, fd_out: fd, off_out: out, len: size, flags: uint },
  fsync: { fd },
  fdatasync: { fd },
  syncfs: { fd },
  close: { fd },
  close_range: { first: uint, last: uint, flags: flags(pick(fcntl, /^CLOSE_RANGE_/)) },
  dup: { oldfd: fd },
  dup3: { oldfd: fd, newfd: fd, flags: cloexec },
  fcntl: {
    fd,
    op: enumeration(pick(fcntl, /^F_(?!SEAL_|[RWX]?_?OK$|RDLCK|WRLCK|UNLCK)/)),
    arg: depends((args) => FCNTL_ARGUMENTS.get(constant(args[1])) ?? int),
  },
  flock: { fd, op: flags(pick(fcntl, /^LOCK_/)) },
  ioctl: { fd, op: enumeration(REQUESTS), argp: requestArgument },
  pipe2: { pipefd: out, flags: cloexec },
  eventfd2: { initval: uint, flags: flags(pick(poll, /^EFD_/)) },
  memfd_create: { name: string, flags: flags(pick(fcntl, /^MFD_/)) },
  ppoll: { fds: pollfds, nfds: size, tmo_p: timespec, sigmask: signalSet, sigsetsize: size },
  epoll_create1: { flags: flags(pick(poll, /^EPOLL_CLOEXEC$/)) },
  epoll_ctl: { epfd: fd, op: enumeration(pick(poll, /^EPOLL_CTL_/)), fd, event: epollEvent },
  epoll_pwait: {
    epfd: fd,
    events: outOf((arch) => EPOLL_EVENTS[arch]),
    maxevents: int,
    timeout: int,
    sigmask: signalSet,
    sigsetsize: size,
  },
  inotify_init1: { flags: cloexec },
  inotify_add_watch: { fd, pathname: string, mask: word },
} as const satisfies Readonly<Record<string, Signature>>
