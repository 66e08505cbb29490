/** Processes: clone(2), clone3(2), execve(2), wait(2), setns(2), prctl(2), scheduling and limits. */
import * as ioprio from '../../sys/abi/ioprio.ts'
import * as fcntl from '../../sys/abi/fcntl.ts'
import * as keyctl from '../../sys/abi/keyctl.ts'
import * as mman from '../../sys/abi/mman.ts'
import * as personality from '../../sys/abi/personality.ts'
import * as resource from '../../sys/abi/resource.ts'
import { RLIM_INFINITY, RLIMIT64, RLIMITS } from '../../sys/abi/resource.ts'
import * as sched from '../../sys/abi/sched.ts'
import { CLONE_ARGS, SCHED_ATTR, SCHED_POLICIES } from '../../sys/abi/sched.ts'
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
  long,
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
import { layout, struct } from './struct.ts'
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
    ['pidfd', CLONE_ARGS.pidfd, 8, out],
    ['child_tid', CLONE_ARGS.child_tid, 8, out],
    ['parent_tid', CLONE_ARGS.parent_tid, 8, out],
    ['exit_signal', CLONE_ARGS.exit_signal, 8, signum],
    ['stack', CLONE_ARGS.stack, 8, address],
    ['stack_size', CLONE_ARGS.stack_size, 8, size],
    ['tls', CLONE_ARGS.tls, 8, address],
    ['set_tid', CLONE_ARGS.set_tid, 8, address],
    ['set_tid_size', CLONE_ARGS.set_tid_size, 8, size],
    ['cgroup', CLONE_ARGS.cgroup, 8, fd],
  ]),
)

const policy = enumeration(pick(SCHED_POLICIES, /^SCHED_/))
const schedAttr = struct(
  layout([
    ['size', SCHED_ATTR.size, 4, uint],
    ['sched_policy', SCHED_ATTR.sched_policy, 4, policy, 'always'],
    ['sched_flags', SCHED_ATTR.sched_flags, 8, flags(pick(sched, /^SCHED_FLAG_/))],
    ['sched_nice', SCHED_ATTR.sched_nice, 4, int],
    ['sched_priority', SCHED_ATTR.sched_priority, 4, uint],
    ['sched_runtime', SCHED_ATTR.sched_runtime, 8, size],
    ['sched_deadline', SCHED_ATTR.sched_deadline, 8, size],
    ['sched_period', SCHED_ATTR.sched_period, 8, size],
    ['sched_util_min', SCHED_ATTR.sched_util_min, 4, uint],
    ['sched_util_max', SCHED_ATTR.sched_util_max, 4, uint],
  ]),
)

/** A bit per processor: `[0-3 6]`. */
const cpuSet: Kind = pointer((at, scope) => {
  const bytes = scope.memory.bytes(at)
  if (bytes === undefined) return scope.memory.name(at)
  const length = constant(scope.args[1]) ?? bytes.length
  const ranges: [number, number][] = []
  for (let cpu = 0; cpu < 8 * Math.min(length, bytes.length); cpu += 1) {
    if (((bytes[cpu >> 3]! >> (cpu & 7)) & 1) === 0) continue
    const last = ranges.at(-1)
    if (last?.[1] === cpu - 1) last[1] = cpu
    else ranges.push([cpu, cpu])
  }
  return `[${ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(' ')}]`
})

const limit: Kind = scalar((value) => (value === RLIM_INFINITY ? 'RLIM64_INFINITY' : String(value)))
const rlimit = struct(
  layout([
    ['rlim_cur', RLIMIT64.rlim_cur, 8, limit, 'always'],
    ['rlim_max', RLIMIT64.rlim_max, 8, limit, 'always'],
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
export const filterProgram = struct(
  layout([
    ['len', SOCK_FPROG.len, 2, uint, 'always'],
    ['filter', SOCK_FPROG.filter, 8, pointer((_, { brief }) => (brief ? 'filter' : '[/* instructions */]'))],
  ]),
)

const KEYCTL_ARGUMENTS = new Map<number | undefined, Kind>([
  [keyctl.KEYCTL_JOIN_SESSION_KEYRING, string],
  [keyctl.KEYCTL_SETPERM, int],
])

const ioprioValue: Kind = scalar((value, scope) => {
  const name = IOPRIO_CLASS(value >> BigInt(ioprio.IOPRIO_CLASS_SHIFT), scope)
  return `IOPRIO_PRIO_VALUE(${name}, ${value & ((1n << BigInt(ioprio.IOPRIO_CLASS_SHIFT)) - 1n)})`
})
const IOPRIO_CLASS = enumeration(pick({ ...ioprio.IOPRIO_CLASSES, IOPRIO_CLASS_NONE: ioprio.IOPRIO_CLASS_NONE }, /^IOPRIO_CLASS_/))

const PERSONALITIES = pick(personality, /^(PER_LINUX32$|UNAME26|ADDR_|MMAP_|READ_|SHORT_|WHOLE_|STICKY_)/)
const persona: Kind = scalar((value, scope) =>
  value === 0n ? 'PER_LINUX' : BigInt.asUintN(32, value) === 0xffff_ffffn ? '0xffffffff' : flagsText(value, PERSONALITIES, scope),
)

const PROT = pick(mman, /^PROT_/)
const prot: Kind = scalar((value, scope) => (value === 0n ? 'PROT_NONE' : flagsText(value, PROT, scope)))

export const PROCESSES = {
  clone: { flags: cloneWithSignal, 'stack?': address, 'parent_tid?': out, 'child_tid?': out, 'tls?': address },
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
  wait4: { pid, wstatus: out, options: waitOptions, rusage: out },
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
  prlimit64: { pid, resource: enumeration(pick(RLIMITS, /^RLIMIT_/)), new_limit: rlimit, old_limit: out },
  setpriority: { which: enumeration(pick(resource, /^PRIO_/)), who: int, prio: int },
  sched_setscheduler: { pid, policy, param: struct(layout([['sched_priority', 0, 4, int, 'always']])) },
  sched_setattr: { pid, attr: schedAttr, flags: uint },
  sched_setaffinity: { pid, cpusetsize: size, mask: cpuSet },
  sched_getaffinity: { pid, cpusetsize: size, mask: out },
  set_mempolicy: { mode: int, nodemask: out, maxnode: size },
  ioprio_set: { which: enumeration(pick(ioprio, /^IOPRIO_WHO_/)), who: int, ioprio: ioprioValue },
  personality: { persona },
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
  mmap: { addr: address, length: size, prot, flags: flags(pick(mman, /^MAP_/)), fd, offset: long },
  munmap: { addr: address, length: size },
  mprotect: { addr: address, size, prot },
  getrandom: { buf: out, buflen: size, flags: word },
  futex: { uaddr: out, futex_op: int, val: uint, timeout: address, uaddr2: out, val3: uint },
  bpf: { cmd: int, attr: out, size },
} as const satisfies Readonly<Record<string, Signature>>
