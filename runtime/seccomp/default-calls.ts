/**
 * System calls that the default profile leaves to every container, by theme. They act on what the caller has already, or the
 * kernel asks for the capability itself. Each line holds a call with its older, newer and 32-bit forms.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const PATHS = words(`
  open openat openat2 creat close close_range
  access faccessat faccessat2
  stat lstat fstat newfstatat stat64 lstat64 fstat64 fstatat64 statx
  statfs fstatfs statfs64 fstatfs64 statmount listmount
  readlink readlinkat getcwd chdir fchdir
  mkdir mkdirat rmdir unlink unlinkat
  link linkat symlink symlinkat rename renameat renameat2
  mknod mknodat
  chmod fchmod fchmodat fchmodat2 umask
  chown lchown fchown fchownat chown32 lchown32 fchown32
  utime utimes futimesat utimensat utimensat_time64
  truncate ftruncate truncate64 ftruncate64
  getdents getdents64
  name_to_handle_at
  inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark
`)

const EXTENDED_ATTRIBUTES = words(`
  getxattr lgetxattr fgetxattr getxattrat
  setxattr lsetxattr fsetxattr setxattrat
  listxattr llistxattr flistxattr listxattrat
  removexattr lremovexattr fremovexattr removexattrat
`)

const DATA = words(`
  read readv pread64 preadv preadv2 readahead
  write writev pwrite64 pwritev pwritev2
  lseek _llseek
  sendfile sendfile64 copy_file_range splice tee vmsplice
  fallocate fadvise64 fadvise64_64 cachestat
  sync fsync fdatasync syncfs sync_file_range
  dup dup2 dup3 pipe pipe2
  fcntl fcntl64 flock ioctl
  io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64
`)

const READINESS = words(`
  select _newselect pselect6 pselect6_time64
  poll ppoll ppoll_time64
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
  eventfd eventfd2 signalfd signalfd4
`)

const MEMORY = words(`
  brk mmap mmap2 munmap mremap mprotect msync madvise mincore remap_file_pages
  mlock mlock2 mlockall munlock munlockall
  memfd_create memfd_secret
  pkey_alloc pkey_free pkey_mprotect
  map_shadow_stack mseal membarrier
`)

const PROCESSES = words(`
  fork vfork execve execveat exit exit_group
  wait4 waitid waitpid
  getpid getppid gettid getpgid setpgid getpgrp getsid setsid
  pidfd_open pidfd_send_signal process_mrelease
  prctl restart_syscall
`)

const THREADS = words(`
  futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue
  set_robust_list get_robust_list set_tid_address rseq
  set_thread_area get_thread_area
`)

const SIGNALS = words(`
  kill tkill tgkill pause
  signal sigaltstack sigprocmask sigreturn
  rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
  rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
`)

const SCHEDULING = words(`
  sched_yield getcpu getpriority setpriority ioprio_get ioprio_set
  sched_getaffinity sched_setaffinity
  sched_getattr sched_setattr sched_getparam sched_setparam sched_getscheduler sched_setscheduler
  sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64
`)

/** Those that set a clock fail without CAP_SYS_TIME; adjtimex and its kin read as well. */
const TIME = words(`
  time times gettimeofday nanosleep alarm getitimer setitimer
  clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep clock_nanosleep_time64
  adjtimex clock_adjtime clock_adjtime64
  timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
  timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
`)

/** Making sockets is another matter: default-profile.ts. */
const SOCKETS = words(`
  bind connect listen accept accept4 shutdown
  getsockname getpeername getsockopt setsockopt
  send sendto sendmsg sendmmsg
  recv recvfrom recvmsg recvmmsg recvmmsg_time64
`)

const INTER_PROCESS = words(`
  ipc
  msgget msgsnd msgrcv msgctl
  semget semop semtimedop semtimedop_time64 semctl
  shmget shmat shmdt shmctl
  mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64
`)

const IDENTITY = words(`
  getuid geteuid getgid getegid getresuid getresgid getgroups
  getuid32 geteuid32 getgid32 getegid32 getresuid32 getresgid32 getgroups32
  setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups
  setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 setgroups32
  capget capset
`)

const LIMITS_AND_FACTS = words(`
  getrlimit setrlimit ugetrlimit prlimit64 getrusage
  uname sysinfo getrandom
`)

/** With these a process only ever takes from itself. */
const SELF_RESTRICTION = words(`
  seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
`)

export const COMMON_CALLS: readonly string[] = [
  ...PATHS,
  ...EXTENDED_ATTRIBUTES,
  ...DATA,
  ...READINESS,
  ...MEMORY,
  ...PROCESSES,
  ...THREADS,
  ...SIGNALS,
  ...SCHEDULING,
  ...TIME,
  ...SOCKETS,
  ...INTER_PROCESS,
  ...IDENTITY,
  ...LIMITS_AND_FACTS,
  ...SELF_RESTRICTION,
]

/** What only one of our architectures, or its 32-bit sister, has. uretprobe is the kernel's own trampoline. */
export const ARCHITECTURE_CALLS = {
  x64: words('arch_prctl modify_ldt uretprobe'),
  arm64: words('arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'),
} as const
