/** System calls as the listing writes them: each row is a call and its text. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import type { Operand } from '../../../runtime/program/operand.ts'
import { print } from '../../../runtime/program/print.ts'
import { SIGNATURES } from '../../../runtime/program/signatures.ts'
import * as capability from '../../../runtime/sys/abi/capability.ts'
import * as fcntl from '../../../runtime/sys/abi/fcntl.ts'
import * as ioctl from '../../../runtime/sys/abi/ioctl.ts'
import { ioprioValue } from '../../../runtime/sys/abi/ioprio.ts'
import * as mount from '../../../runtime/sys/abi/mount.ts'
import * as poll from '../../../runtime/sys/abi/poll.ts'
import * as prctl from '../../../runtime/sys/abi/prctl.ts'
import * as sched from '../../../runtime/sys/abi/sched.ts'
import * as signal from '../../../runtime/sys/abi/signal.ts'
import * as socket from '../../../runtime/sys/abi/socket.ts'
import * as stat from '../../../runtime/sys/abi/stat.ts'
import { SYSCALLS, type SyscallName } from '../../../runtime/sys/abi/syscalls.ts'

type Row = readonly [text: string, call: SyscallName, args: (p: Program) => readonly Operand[]]

/** Bytes with little-endian fields of the given widths. */
const fields = (...list: readonly (readonly [width: 1 | 2 | 4 | 8, value: number | bigint])[]): Buffer =>
  Buffer.concat(
    list.map(([width, value]) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
      return bytes.subarray(0, width)
    }),
  )

const ROWS: readonly Row[] = [
  // files
  ['openat(AT_FDCWD, "/etc/passwd", O_RDONLY)', 'openat', () => [-100, '/etc/passwd', 0, 0]],
  ['openat(AT_FDCWD, "f", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644)', 'openat', () => [0xffffff9c, 'f', 0x80241, 0o644]],
  ['openat(5, ".", O_RDWR|O_TMPFILE)', 'openat', () => [5, '.', fcntl.O_TMPFILE.x64 | 2, 0]],
  [
    'openat(5, "d", O_RDONLY|O_NONBLOCK|O_DIRECTORY|O_NOFOLLOW)',
    'openat',
    () => [5, 'd', fcntl.O_DIRECTORY.x64 | fcntl.O_NOFOLLOW.x64 | 0x800, 0],
  ],
  ['openat(5, "x", O_RDONLY|0x80000000)', 'openat', () => [5, 'x', 0x80000000]],
  [
    'openat2(5, "proc", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT}, 24)',
    'openat2',
    (p) => [5, 'proc', p.words([fcntl.O_PATH | fcntl.O_CLOEXEC, 0, fcntl.RESOLVE_IN_ROOT | fcntl.RESOLVE_NO_MAGICLINKS]), 24],
  ],
  ['openat2(5, "new", {flags=O_WRONLY|O_CREAT, mode=0600}, 24)', 'openat2', (p) => [5, 'new', p.words([0x41, 0o600, 0]), 24]],
  ['mkdirat(5, "dev", 0755)', 'mkdirat', () => [5, 'dev', 0o755]],
  ['mkdirat(5, "dev", 01777)', 'mkdirat', () => [5, 'dev', 0o1777]],
  ['mknodat(5, "null", S_IFCHR|0666, makedev(1, 3))', 'mknodat', () => [5, 'null', stat.S_IFCHR | 0o666, 0x103]],
  ['mknodat(5, "big", S_IFBLK|0600, makedev(259, 1048575))', 'mknodat', () => [5, 'big', stat.S_IFBLK | 0o600, 0xfff1_03ff]],
  ['mknodat(5, "pipe", S_IFIFO|0600, 0)', 'mknodat', () => [5, 'pipe', stat.S_IFIFO | 0o600, 0]],
  ['symlinkat("/proc/self/fd", 5, "fd")', 'symlinkat', () => ['/proc/self/fd', 5, 'fd']],
  ['linkat(5, "", 6, "b", AT_EMPTY_PATH)', 'linkat', () => [5, '', 6, 'b', 0x1000]],
  ['unlinkat(5, "dir", AT_REMOVEDIR)', 'unlinkat', () => [5, 'dir', 0x200]],
  ['renameat2(5, "a", 6, "b", RENAME_NOREPLACE)', 'renameat2', () => [5, 'a', 6, 'b', 1]],
  ['readlinkat(5, "exe", buf, 4096)', 'readlinkat', (p) => [5, 'exe', p.buffer(4096), 4096]],
  ['statx(5, "", AT_EMPTY_PATH, STATX_TYPE|STATX_MODE, statxbuf)', 'statx', (p) => [5, '', 0x1000, 3, p.buffer(256)]],
  ['statx(5, "", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statxbuf)', 'statx', (p) => [5, '', 0x100, 0x7ff, p.buffer(256)]],
  ['newfstatat(5, "x", statbuf, AT_SYMLINK_NOFOLLOW)', 'newfstatat', (p) => [5, 'x', p.buffer(144), 0x100]],
  ['fstatfs(5, buf)', 'fstatfs', (p) => [5, p.buffer(120)]],
  ['faccessat2(AT_FDCWD, "/bin/sh", X_OK, AT_EACCESS)', 'faccessat2', () => [-100, '/bin/sh', 1, 0x200]],
  ['fchmodat(5, "x", 04755)', 'fchmodat', () => [5, 'x', 0o4755]],
  ['fchownat(5, "", 1000, -1, AT_EMPTY_PATH)', 'fchownat', () => [5, '', 1000, 0xffffffff, 0x1000]],
  ['fchown(0, 0, -1)', 'fchown', () => [0, 0, -1]],
  ['utimensat(5, "x", [{tv_sec=1, tv_nsec=2}, {tv_sec=0}], 0)', 'utimensat', (p) => [5, 'x', p.words([1, 2, 0, 0]), 0]],
  ['utimensat(5, "x", NULL, AT_SYMLINK_NOFOLLOW)', 'utimensat', () => [5, 'x', 0, 0x100]],
  ['umask(0022)', 'umask', () => [0o22]],
  ['umask(0)', 'umask', () => [0]],
  ['fsetxattr(5, "security.selinux", "label", 5, 0)', 'fsetxattr', () => [5, 'security.selinux', Buffer.from('label'), 5, 0]],
  // mounts
  ['mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|0x80000000, NULL)', 'mount', () => ['proc', '/proc', 'proc', 0x80000006, 0]],
  ['mount("", "/", "", MS_REC|MS_SLAVE, NULL)', 'mount', () => ['', '/', '', mount.MS_REC | mount.MS_SLAVE, 0]],
  ['mount("overlay", "m", "overlay", 0, "lowerdir=a:b")', 'mount', () => ['overlay', 'm', 'overlay', 0, 'lowerdir=a:b']],
  ['umount2(".", MNT_DETACH|UMOUNT_NOFOLLOW)', 'umount2', () => ['.', 10]],
  ['pivot_root(".", ".")', 'pivot_root', () => ['.', '.']],
  ['open_tree(5, "", OPEN_TREE_CLONE|AT_EMPTY_PATH|AT_RECURSIVE|OPEN_TREE_CLOEXEC)', 'open_tree', () => [5, '', 0x89001]],
  [
    'move_mount(5, "", 6, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)',
    'move_mount',
    () => [5, '', 6, '', mount.MOVE_MOUNT_F_EMPTY_PATH | mount.MOVE_MOUNT_T_EMPTY_PATH],
  ],
  ['fsopen("overlay", FSOPEN_CLOEXEC)', 'fsopen', () => ['overlay', 1]],
  ['fsconfig(5, FSCONFIG_SET_STRING, "lowerdir+", "/a", 0)', 'fsconfig', () => [5, 1, 'lowerdir+', '/a', 0]],
  ['fsconfig(5, FSCONFIG_SET_FLAG, "ro", NULL, 0)', 'fsconfig', () => [5, 0, 'ro', 0, 0]],
  ['fsconfig(5, FSCONFIG_SET_PATH, "source", "dev", AT_FDCWD)', 'fsconfig', () => [5, 3, 'source', 'dev', -100]],
  ['fsconfig(5, FSCONFIG_SET_FD, "upperdir", NULL, 9)', 'fsconfig', () => [5, 5, 'upperdir', 0, 9]],
  ['fsconfig(5, FSCONFIG_SET_BINARY, "data", "ab", 2)', 'fsconfig', () => [5, 2, 'data', Buffer.from('abc'), 2]],
  ['fsconfig(5, FSCONFIG_CMD_CREATE, NULL, NULL, 0)', 'fsconfig', () => [5, 6, 0, 0, 0]],
  ['fsmount(5, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV)', 'fsmount', () => [5, 1, 6]],
  [
    'mount_setattr(5, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOATIME|MOUNT_ATTR_IDMAP, attr_clr=MOUNT_ATTR__ATIME, propagation=MS_PRIVATE, userns_fd=7}, 32)',
    'mount_setattr',
    (p) => [5, '', 0x9000, p.words([0x100011, 0x70, mount.MS_PRIVATE, 7]), 32],
  ],
  // descriptors
  ['read(0, buf, 1)', 'read', (p) => [0, p.buffer(8), 1]],
  ['write(1, "a\\n\\t\\"\\\\", 5)', 'write', () => [1, Buffer.from('a\n\t"\\rest'), 5]],
  ['write(1, "ü", 2)', 'write', () => [1, 'ü', 2]],
  ['write(1, <4 bytes>, 4)', 'write', () => [1, Buffer.from([1, 2, 0xff, 0]), 4]],
  ['write(1, <8 bytes>, 8)', 'write', (p) => [1, p.words([0]), 8]],
  [`write(1, "${'x'.repeat(96)}"..., 200)`, 'write', () => [1, 'x'.repeat(200), 200]],
  ['writev(1, [{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], 2)', 'writev', (p) => [1, p.words(['ab', 2, 'cd', 1]), 2]],
  ['lseek(5, -1, SEEK_END)', 'lseek', () => [5, -1, 2]],
  ['sendfile(5, 6, NULL, 2147479552)', 'sendfile', () => [5, 6, 0, 0x7ffff000]],
  ['splice(5, NULL, 6, NULL, 65536, SPLICE_F_MOVE|SPLICE_F_NONBLOCK)', 'splice', () => [5, 0, 6, 0, 65536, 3]],
  ['copy_file_range(5, NULL, 6, NULL, 10, 0)', 'copy_file_range', () => [5, 0, 6, 0, 10, 0]],
  ['close_range(3, ~0U, CLOSE_RANGE_CLOEXEC)', 'close_range', () => [3, 0xffffffff, 4]],
  ['dup3(5, 0, O_CLOEXEC)', 'dup3', () => [5, 0, 0x80000]],
  ['fcntl(5, F_DUPFD_CLOEXEC, 100)', 'fcntl', () => [5, 1030, 100]],
  ['fcntl(5, F_SETFD, FD_CLOEXEC)', 'fcntl', () => [5, 2, 1]],
  ['fcntl(5, F_SETFD, 0)', 'fcntl', () => [5, 2, 0]],
  ['fcntl(5, F_SETFL, O_RDONLY|O_NONBLOCK)', 'fcntl', () => [5, 4, 0x800]],
  ['fcntl(5, F_ADD_SEALS, F_SEAL_SEAL|F_SEAL_WRITE)', 'fcntl', () => [5, 1033, 9]],
  [
    'fcntl(5, F_OFD_SETLKW, {l_type=F_WRLCK, l_whence=SEEK_SET})',
    'fcntl',
    () => [5, 38, fields([2, 1], [2, 0], [4, 0], [8, 0], [8, 0], [8, 0])],
  ],
  ['ioctl(0, TIOCSCTTY, 0)', 'ioctl', () => [0, ioctl.TIOCSCTTY, 0]],
  ['ioctl(5, TIOCSPTLCK, [0])', 'ioctl', (p) => [5, ioctl.TIOCSPTLCK, p.words([0])]],
  ['ioctl(5, TIOCSWINSZ, {ws_row=24, ws_col=80})', 'ioctl', () => [5, ioctl.TIOCSWINSZ, fields([2, 24], [2, 80], [4, 0])]],
  ['ioctl(5, TIOCGPTN, argp)', 'ioctl', (p) => [5, ioctl.TIOCGPTN, p.buffer(8)]],
  [
    'ioctl(5, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP|IFF_RUNNING})',
    'ioctl',
    (p) => [5, ioctl.SIOCSIFFLAGS, p.words([0x6f6c, 0, 0x41, 0, 0])],
  ],
  ['ioctl(5, NS_GET_USERNS, NULL)', 'ioctl', () => [5, ioctl.NS_GET_USERNS, 0]],
  ['ioctl(5, 0x12345678, 0x99)', 'ioctl', () => [5, 0x12345678, 0x99]],
  ['pipe2(pipefd, O_NONBLOCK|O_CLOEXEC)', 'pipe2', (p) => [p.buffer(8), 0x80800]],
  ['eventfd2(0, EFD_CLOEXEC)', 'eventfd2', () => [0, 0x80000]],
  ['memfd_create("note", MFD_ALLOW_SEALING|MFD_CLOEXEC)', 'memfd_create', () => ['note', 3]],
  [
    'ppoll([{fd=4, events=POLLIN}, {fd=0, events=POLLOUT|POLLHUP}], 2, {tv_sec=1}, NULL, 8)',
    'ppoll',
    (p) => [fields([4, 4], [2, 1], [2, 0], [4, 0], [2, 0x14], [2, 0]), 2, p.words([1, 0]), 0, 8],
  ],
  [
    'epoll_ctl(5, EPOLL_CTL_ADD, 6, {events=EPOLLIN|EPOLLET, data=6})',
    'epoll_ctl',
    () => [5, 1, 6, fields([4, poll.EPOLLIN | 0x80000000], [8, 6])],
  ],
  ['epoll_pwait(5, events, 16, -1, NULL, 8)', 'epoll_pwait', (p) => [5, p.buffer(192), 16, -1, 0, 8]],
  // processes
  ['clone(SIGCHLD)', 'clone', () => [17, 0, 0, 0, 0]],
  ['clone(CLONE_PARENT|CLONE_NEWNS|SIGCHLD)', 'clone', () => [17 | sched.CLONE_PARENT | sched.CLONE_NEWNS, 0, 0, 0, 0]],
  [
    'clone3({flags=CLONE_PIDFD|CLONE_NEWPID|CLONE_INTO_CGROUP, exit_signal=SIGCHLD, cgroup=7}, 88)',
    'clone3',
    (p) => [p.words([BigInt(sched.CLONE_NEWPID | sched.CLONE_PIDFD) | sched.CLONE_INTO_CGROUP, 0, 0, 0, 17, 0, 0, 0, 0, 0, 7]), 88],
  ],
  [
    'execve("/bin/sh", ["sh", "-c", "a b"], [/* 2 variables */])',
    'execve',
    (p) => ['/bin/sh', p.strings(['sh', '-c', 'a b']), p.strings(['SECRET=1', 'B=2'])],
  ],
  ['execveat(5, "", [], [/* 1 variable */], AT_EMPTY_PATH)', 'execveat', (p) => [5, '', p.strings([]), p.strings(['A=1']), 0x1000]],
  ['wait4(-1, wstatus, WNOHANG|__WALL, NULL)', 'wait4', (p) => [-1, p.buffer(8), 0x40000001, 0]],
  ['waitid(P_PIDFD, 5, infop, WEXITED, NULL)', 'waitid', (p) => [3, 5, p.buffer(128), 4, 0]],
  ['kill(0, SIGKILL)', 'kill', () => [0, 9]],
  ['tgkill(1, 2, SIGRTMIN+3)', 'tgkill', () => [1, 2, 37]],
  ['pidfd_send_signal(5, SIGTERM, NULL, 0)', 'pidfd_send_signal', () => [5, 15, 0, 0]],
  ['pidfd_open(1, 0)', 'pidfd_open', () => [1, 0]],
  ['setns(5, CLONE_NEWUSER)', 'setns', () => [5, sched.CLONE_NEWUSER]],
  ['setns(5, CLONE_NEWTIME|CLONE_NEWNS|CLONE_NEWNET)', 'setns', () => [5, sched.CLONE_NEWTIME | sched.CLONE_NEWNS | sched.CLONE_NEWNET]],
  ['unshare(CLONE_NEWCGROUP)', 'unshare', () => [sched.CLONE_NEWCGROUP]],
  ['setsid()', 'setsid', () => []],
  ['prctl(PR_SET_NAME, "init")', 'prctl', () => [prctl.PR_SET_NAME, 'init', 0, 0, 0]],
  ['prctl(PR_SET_PDEATHSIG, SIGKILL)', 'prctl', () => [prctl.PR_SET_PDEATHSIG, 9, 0, 0, 0]],
  ['prctl(PR_SET_KEEPCAPS, 0)', 'prctl', () => [prctl.PR_SET_KEEPCAPS, 0]],
  ['prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)', 'prctl', () => [prctl.PR_SET_DUMPABLE, 0, 0, 0, 0]],
  ['prctl(PR_CAPBSET_DROP, CAP_CHOWN)', 'prctl', () => [prctl.PR_CAPBSET_DROP, 0, 0, 0, 0]],
  ['prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL)', 'prctl', () => [prctl.PR_CAP_AMBIENT, 2, 5, 0, 0]],
  ['prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)', 'prctl', () => [prctl.PR_CAP_AMBIENT, 4, 0, 0, 0]],
  ['prctl(PR_SET_SECUREBITS, SECBIT_NOROOT|SECBIT_KEEP_CAPS)', 'prctl', () => [prctl.PR_SET_SECUREBITS, 0x11, 0, 0, 0]],
  ['prctl(PR_SET_NO_NEW_PRIVS, 1)', 'prctl', () => [prctl.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0]],
  [
    'seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len=3, filter=[/* instructions */]})',
    'seccomp',
    (p) => [1, 2, p.words([3, Buffer.alloc(24)])],
  ],
  ['keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.c1")', 'keyctl', () => [1, '_ses.c1', 0, 0, 0]],
  ['keyctl(KEYCTL_SETPERM, 5, 0x3f3f0000)', 'keyctl', () => [5, 5, 0x3f3f0000, 0, 0]],
  ['sethostname("box", 3)', 'sethostname', () => ['box', 3]],
  ['exit_group(125)', 'exit_group', () => [125]],
  // limits, memory
  ['prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}, NULL)', 'prlimit64', (p) => [0, 7, p.words([1024, -1]), 0]],
  ['sched_setaffinity(0, 8, [0-2 5 63])', 'sched_setaffinity', (p) => [0, 8, p.words([0x8000_0000_0000_0027n])]],
  ['sched_setscheduler(0, SCHED_FIFO, {sched_priority=10})', 'sched_setscheduler', (p) => [0, 1, p.words([10])]],
  [
    'sched_setattr(0, {size=56, sched_policy=SCHED_OTHER, sched_flags=SCHED_FLAG_RESET_ON_FORK, sched_nice=-5}, 0)',
    'sched_setattr',
    () => [0, fields([4, 56], [4, 0], [8, 1], [4, -5], [4, 0], [8, 0], [8, 0], [8, 0], [8, 0]), 0],
  ],
  [
    'ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4))',
    'ioprio_set',
    () => [1, 0, ioprioValue('IOPRIO_CLASS_BE', 4)],
  ],
  ['setpriority(PRIO_PROCESS, 0, -5)', 'setpriority', () => [0, 0, -5]],
  ['personality(PER_LINUX32|ADDR_NO_RANDOMIZE)', 'personality', () => [0x40008]],
  ['mmap(page, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, 3, 0)', 'mmap', (p) => [p.page, 4096, 3, 0x11, 3, 0]],
  ['mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)', 'mmap', () => [0, 8192, 0, 0x22, -1, 0]],
  ['mprotect(0x200000, 4096, PROT_READ)', 'mprotect', () => [0x200000, 4096, 1]],
  // credentials
  ['setresuid(1000, -1, 0)', 'setresuid', () => [1000, -1, 0]],
  ['setgroups(2, [10, 4294967294])', 'setgroups', () => [2, fields([4, 10], [4, 4294967294])]],
  ['setgroups(0, NULL)', 'setgroups', () => [0, 0]],
  [
    'capset({version=_LINUX_CAPABILITY_VERSION_3}, {effective=permitted=CAP_CHOWN|CAP_BPF, inheritable=0})',
    'capset',
    () => [fields([4, capability._LINUX_CAPABILITY_VERSION_3], [4, 0]), fields([4, 1], [4, 1], [4, 0], [4, 1 << 7], [4, 1 << 7], [4, 0])],
  ],
  // signals, time
  ['rt_sigprocmask(SIG_BLOCK, [INT TERM], NULL, 8)', 'rt_sigprocmask', (p) => [0, p.words([0x4002]), 0, 8]],
  ['rt_sigprocmask(SIG_SETMASK, ~[KILL STOP], oldset, 8)', 'rt_sigprocmask', (p) => [2, p.words([~0x40100n]), p.buffer(8), 8]],
  [
    'rt_sigaction(SIGXFSZ, {sa_handler=SIG_IGN, sa_flags=SA_RESTART, sa_mask=[CHLD]}, NULL, 8)',
    'rt_sigaction',
    (p) => [25, p.words([1, signal.SA_RESTART, 0, 0x10000]), 0, 8],
  ],
  ['signalfd4(-1, [CHLD], 8, SFD_CLOEXEC)', 'signalfd4', (p) => [-1, p.words([0x10000]), 8, 0x80000]],
  ['clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=5, tv_nsec=7}, NULL)', 'clock_nanosleep', (p) => [1, 1, p.words([5, 7]), 0]],
  ['clock_gettime(CLOCK_REALTIME, tp)', 'clock_gettime', (p) => [0, p.buffer(16)]],
  ['timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC)', 'timerfd_create', () => [7, 0x80000]],
  ['timerfd_settime(5, TFD_TIMER_ABSTIME, {it_value.tv_sec=9}, NULL)', 'timerfd_settime', (p) => [5, 1, p.words([0, 0, 9, 0]), 0]],
  // sockets
  ['socket(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0)', 'socket', () => [1, 5 | 0x80000, 0]],
  ['socketpair(AF_UNIX, SOCK_STREAM, 0, sv)', 'socketpair', (p) => [1, 1, 0, p.buffer(8)]],
  ['connect(5, {sa_family=AF_UNIX, sun_path="/run/x"}, 9)', 'connect', () => [5, Buffer.from('\x01\0/run/x\0junk'), 9]],
  ['bind(5, {sa_family=AF_UNIX, sun_path="@name"}, 7)', 'bind', () => [5, Buffer.from('\x01\0\0name'), 7]],
  ['bind(5, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=3}, 12)', 'bind', () => [5, fields([2, 16], [2, 0], [4, 0], [4, 3]), 12]],
  ['bind(5, {sa_family=AF_INET}, 16)', 'bind', () => [5, fields([2, 2], [2, 0], [4, 0], [8, 0]), 16]],
  ['accept4(5, NULL, NULL, SOCK_CLOEXEC)', 'accept4', () => [5, 0, 0, 0x80000]],
  ['shutdown(5, SHUT_WR)', 'shutdown', () => [5, 1]],
  ['setsockopt(5, SOL_SOCKET, SO_PASSCRED, [1], 4)', 'setsockopt', (p) => [5, 1, socket.SO_PASSCRED, p.words([1]), 4]],
  [
    'sendmsg(5, {msg_iov=[{iov_base="id", iov_len=2}], msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[7, 8]}], msg_controllen=24}, MSG_NOSIGNAL)',
    'sendmsg',
    (p) => [5, p.words([0, 0, p.words(['id', 2]), 1, fields([8, 24], [4, 1], [4, 1], [4, 7], [4, 8]), 24, 0]), socket.MSG_NOSIGNAL],
  ],
  [
    'recvmsg(5, {msg_iov=[{iov_base=iov_base, iov_len=16}]}, MSG_CMSG_CLOEXEC)',
    'recvmsg',
    (p) => [5, p.words([0, 0, p.words([p.buffer(16), 16]), 1, 0, 0, 0]), socket.MSG_CMSG_CLOEXEC],
  ],
  ['sendto(5, "x", 1, MSG_DONTWAIT, NULL, 0)', 'sendto', () => [5, 'x', 1, 0x40, 0, 0]],
  // not in the table
  ['sysinfo(0x12345)', 'sysinfo', () => [0x12345]],
]

/** The line of the listing, without its index and what follows. */
const textOf = (call: SyscallName, args: (p: Program) => readonly Operand[], arch: 'x64' | 'arm64' = 'x64'): string => {
  const p = new Program(arch)
  p.call(call, args(p))
  p.exit(0)
  const line = print(p)
    .split('\n')
    .find((text) => /^\s+0 {2}/.test(text))
  return line!.replace(/^\s+0 {2}/, '')
}

for (const [text, call, args] of ROWS) test(text, () => assert.equal(textOf(call, args), text))

test('what differs between architectures', () => {
  assert.equal(
    textOf('openat', () => [5, 'd', fcntl.O_DIRECTORY.arm64 | fcntl.O_NOFOLLOW.arm64], 'arm64'),
    'openat(5, "d", O_RDONLY|O_DIRECTORY|O_NOFOLLOW)',
  )
  assert.equal(
    textOf('clone', (p) => [17, 0, 0, 5, p.buffer(8)], 'arm64'),
    'clone(SIGCHLD, NULL, NULL, 0x5, child_tid)',
  )
  assert.equal(
    textOf('clone', (p) => [17, 0, 0, p.buffer(8), 5], 'x64'),
    'clone(SIGCHLD, NULL, NULL, child_tid, 0x5)',
  )
  assert.equal(
    textOf('epoll_ctl', () => [5, 1, 6, fields([4, 1], [4, 0], [8, 6])], 'arm64'),
    'epoll_ctl(5, EPOLL_CTL_ADD, 6, {events=EPOLLIN, data=6})',
  )
})

test('every call of the table exists', () => {
  for (const call of Object.keys(SIGNATURES)) assert.ok(call in SYSCALLS, call)
})

test('no parameter is written without a number for it', () => {
  for (const call of Object.keys(SIGNATURES) as SyscallName[]) {
    const count = Object.keys(SIGNATURES[call]!).length
    const zeros = textOf(call, () => Array.from({ length: count }, () => 0))
    assert.ok(zeros.startsWith(`${call}(`), zeros)
    assert.doesNotMatch(zeros, /undefined|NaN|object/)
    const ones = textOf(call, () => Array.from({ length: count }, () => -1))
    assert.doesNotMatch(ones, /undefined|NaN|object/)
  }
})

test('results of earlier calls are written by their names, whatever they are', () => {
  for (const call of Object.keys(SIGNATURES) as SyscallName[]) {
    const count = Object.keys(SIGNATURES[call]!).length
    const names = Array.from({ length: count }, (_, index) => `n${index}`)
    assert.equal(
      textOf(call, (p) => names.map((name) => p.cell(name))),
      `${call}(${names.join(', ')})`,
    )
  }
})
