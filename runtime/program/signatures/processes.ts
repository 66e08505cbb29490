/** Processes: clone(2), clone3(2), execve(2), wait(2), setns(2), prctl(2), seccomp(2), keyctl(2). */
import * as fcntl from '../../sys/abi/fcntl.ts'
import * as keyctl from '../../sys/abi/keyctl.ts'
import * as sched from '../../sys/abi/sched.ts'
import { CLONE_ARGS } from '../../sys/abi/sched.ts'
import * as seccomp from '../../sys/abi/seccomp.ts'
import { SOCK_FPROG } from '../../sys/abi/seccomp.ts'
import * as signal from '../../sys/abi/signal.ts'
import * as wait from '../../sys/abi/wait.ts'
import { SIGINFO } from '../../sys/abi/wait.ts'
import { combine, enumeration, flags, flagsText, pick } from './constants.ts'
import {
  address,
  constant,
  depends,
  fd,
  int,
  type Kind,
  out,
  outOf,
  type Signature,
  pid,
  pointer,
  scalar,
  size,
  uint,
  word,
} from './kind.ts'
import { PRCTL } from './prctl.ts'
import { signum } from './signals.ts'
import { layout, outInt, struct } from './struct.ts'
import { environment, string, strings } from './text.ts'

const CLONE = pick(sched, /^CLONE_(?!ARGS)/)
const cloneFlags = flags(CLONE)

/** clone(2) has the signal that the child ends with in the lowest byte. */
const cloneWithSignal: Kind = scalar((value, scope) => {
  const [upper, lower] = [value & ~0xffn, value & 0xffn]
  return combine(flagsText(upper, CLONE, scope), signum(lower, scope))
})

const cloneArgs = struct(
  layout([
    ['flags', CLONE_ARGS.flags, 8, cloneFlags, 'always'],
    ['pidfd', CLONE_ARGS.pidfd, 8, outInt],
    ['child_tid', CLONE_ARGS.child_tid, 8, outInt],
    ['parent_tid', CLONE_ARGS.parent_tid, 8, outInt],
    ['exit_signal', CLONE_ARGS.exit_signal, 8, signum],
    ['stack', CLONE_ARGS.stack, 8, address],
    ['stack_size', CLONE_ARGS.stack_size, 8, size],
    ['tls', CLONE_ARGS.tls, 8, address],
    ['set_tid', CLONE_ARGS.set_tid, 8, address],
    ['set_tid_size', CLONE_ARGS.set_tid_size, 8, size],
    ['cgroup', CLONE_ARGS.cgroup, 8, fd],
  ]),
)

const siginfo = outOf(
  layout([
    ['si_signo', SIGINFO.si_signo, 4, signum],
    ['si_errno', SIGINFO.si_errno, 4, int],
    ['si_code', SIGINFO.si_code, 4, enumeration(pick(wait, /^CLD_/))],
    ['si_pid', SIGINFO.si_pid, 4, pid],
    ['si_uid', SIGINFO.si_uid, 4, uint],
    ['si_status', SIGINFO.si_status, 4, int],
  ]),
)
const waitOptions = flags(pick(wait, /^(W[A-Z]+|__W[A-Z]+)$/))

const FILTER = seccomp.SECCOMP_SET_MODE_FILTER
const filterFlags = flags(pick(seccomp, /^SECCOMP_FILTER_FLAG_/))
const filterProgram = struct(
  layout([
    ['len', SOCK_FPROG.len, 2, uint, 'always'],
    ['filter', SOCK_FPROG.filter, 8, pointer((_, { brief }) => (brief ? 'filter' : '[/* instructions */]'))],
  ]),
)

const KEYCTL_ARGUMENTS = new Map<number | undefined, Kind>([
  [keyctl.KEYCTL_JOIN_SESSION_KEYRING, string],
  [keyctl.KEYCTL_SETPERM, int],
])

export const PROCESSES = {
  clone: { flags: cloneWithSignal, 'stack?': address, 'parent_tid?': outInt, 'child_tid?': outInt, 'tls?': address },
  clone3: { cl_args: cloneArgs, size },
  execve: { pathname: string, argv: strings, envp: environment },
  execveat: {
    dirfd: fd,
    pathname: string,
    argv: strings,
    envp: environment,
    flags: flags(pick(fcntl, /^AT_(EMPTY_PATH|SYMLINK_NOFOLLOW)$/)),
  },
  exit: { status: int },
  exit_group: { status: int },
  wait4: { pid, wstatus: outInt, options: waitOptions, rusage: out },
  waitid: { idtype: enumeration(pick(wait, /^P_/)), id: int, infop: siginfo, options: waitOptions, rusage: out },
  pidfd_open: { pid, flags: flags(pick(signal, /^PIDFD_(NONBLOCK|THREAD)$/)) },
  pidfd_getfd: { pidfd: fd, targetfd: int, flags: uint },
  setns: { fd, nstype: cloneFlags },
  unshare: { flags: cloneFlags },
  setsid: {},
  getsid: { pid },
  setpgid: { pid, pgid: pid },
  getpgid: { pid },
  getpid: {},
  getppid: {},
  gettid: {},
  sched_yield: {},
  prctl: PRCTL,
  seccomp: {
    op: enumeration(pick(seccomp, /^SECCOMP_(SET_MODE_|GET_)/)),
    flags: filterFlags,
    args: depends((args) => (constant(args[0]) === FILTER ? filterProgram : address)),
  },
  keyctl: {
    op: enumeration(pick(keyctl, /^KEYCTL_/)),
    arg2: depends((args) => KEYCTL_ARGUMENTS.get(constant(args[0])) ?? enumeration(pick(keyctl, /^KEY_SPEC_/))),
    'arg3?': word,
    'arg4?': word,
    'arg5?': word,
  },
  sethostname: { name: string, len: size },
  setdomainname: { name: string, len: size },
  uname: { buf: out },
  bpf: { cmd: int, attr: out, size },
} as const satisfies Readonly<Record<string, Signature>>
