/** From the start of the program to its loop: a process of its own session, its descriptors, and its child. */
import { AT_EMPTY_PATH, F_SETFD, FD_CLOEXEC } from '../../sys/abi/fcntl.ts'
import { MAP_FIXED, MAP_SHARED, PROT_READ, PROT_WRITE } from '../../sys/abi/mman.ts'
import { EPOLL_CLOEXEC } from '../../sys/abi/poll.ts'
import { PR_SET_DUMPABLE, PR_SET_NAME, SUID_DUMP_DISABLE } from '../../sys/abi/prctl.ts'
import { RLIMITS } from '../../sys/abi/resource.ts'
import { SFD_CLOEXEC, SFD_NONBLOCK, SIG_IGN, SIG_SETMASK, SIGNALS, SIGSET_SIZE } from '../../sys/abi/signal.ts'
import { CLOCK_MONOTONIC, TFD_CLOEXEC, TFD_NONBLOCK } from '../../sys/abi/time.ts'
import { EXIT } from '../layout.ts'
import { CHILD_BASE, MAPPED_SIZE, OWN, parameter, parameterAddress } from '../parameters.ts'
import { CLIENT, type State, TAGS } from './state.ts'

/** Faults of the program itself, and SIGXFSZ: a blocked signal is kept pending even where it is ignored, and would kill what is executed later. */
const NOT_BLOCKED = ['SIGILL', 'SIGTRAP', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGSYS', 'SIGXFSZ'] as const
const MASK = NOT_BLOCKED.reduce((mask, name) => mask & ~(1n << BigInt(SIGNALS[name] - 1)), 0xffff_ffff_ffff_ffffn)

/** Leaves the caller: what goes on is an orphan that the caller need not wait for. */
const emitDetach = ({ p }: State): void => {
  const orphan = p.label()
  p.call('clone', [SIGNALS.SIGCHLD, 0, 0, 0, 0], { zero: orphan })
  p.exit(0)
  p.place(orphan)
  p.call('setsid', [])
}

const emitDescriptors = (state: State): void => {
  const { p, terminal, all, control } = state
  const mask = p.words([MASK])
  p.call('rt_sigprocmask', [SIG_SETMASK, mask, 0, SIGSET_SIZE])
  p.call('signalfd4', [-1, mask, SIGSET_SIZE, SFD_CLOEXEC | SFD_NONBLOCK], { into: state.signals })
  for (const timer of [state.retryTimer, state.deadlineTimer])
    p.call('timerfd_create', [CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK], { into: timer })
  for (const epoll of [all, control]) p.call('epoll_create1', [EPOLL_CLOEXEC], { into: epoll })
  p.copy(all, state.waiting)
  state.watch(all, control, TAGS.control)
  state.watch(control, state.signals, TAGS.signal)
  state.watch(control, OWN.listener, TAGS.listener)
  state.watch(control, state.retryTimer, TAGS.retry)
  state.watch(control, state.deadlineTimer, TAGS.deadline)
  state.watch(control, OWN.subscriber, CLIENT + BigInt(OWN.subscriber))
  if (terminal) state.watch(control, OWN.console, TAGS.console)
  else {
    state.watch(all, OWN.stdout, TAGS.stdout)
    state.watch(all, OWN.stderr, TAGS.stderr)
  }
}

/** In the child: the descriptors that it is given go where it is to find them, everything else closes. */
const emitChild = (state: State): void => {
  const { p } = state
  const next = p.label()
  const from = p.cell('from', CHILD_BASE)
  const to = p.cell('to')
  p.during = 'starting the program'
  p.call('rt_sigprocmask', [SIG_SETMASK, p.words([0]), 0, SIGSET_SIZE])
  p.place(next)
  p.call('dup3', [from, to, 0])
  p.compute(from, { constant: 1 }, { into: from })
  p.compute(to, { constant: 1 }, { into: to })
  p.compute(to, { factor: -1, addend: parameter('children') }, { positive: next })
  p.call('close_range', [parameter('children'), parameter('lastChild'), 0])
  p.call('fcntl', [parameter('executable'), F_SETFD, FD_CLOEXEC])
  // a filter around us may not know the call; then the way leads through procfs
  const [executable, argv, env] = [parameter('executable'), parameter('argv'), parameter('env')]
  const older = p.label()
  p.call('execveat', [executable, '', argv, env, AT_EMPTY_PATH], { positive: 'fail', zero: 'fail', tolerate: { ENOSYS: older } })
  p.place(older)
  p.call('execve', [parameter('path'), argv, env], { positive: 'fail', zero: 'fail' })
}

/** What must not be passed on to the child: limits, ignored signals. From here on nothing may end the keeper. */
const emitRetire = (state: State): void => {
  const { p } = state
  p.during = 'keeper'
  state.tolerant('close_range', [CHILD_BASE, 0xffffffff, 0])
  state.tolerant('chdir', ['/'])
  state.tolerant('prctl', [PR_SET_DUMPABLE, SUID_DUMP_DISABLE, 0, 0, 0])
  state.tolerant('rt_sigaction', [SIGNALS.SIGXFSZ, p.words([SIG_IGN, 0, 0, 0]), 0, SIGSET_SIZE])
  state.tolerant('prlimit64', [0, RLIMITS.RLIMIT_FSIZE, parameterAddress('fileSize'), state.fileSize])
}

export const emitSetup = (state: State): void => {
  const { p } = state
  p.during = 'keeper'
  p.call('mmap', [p.page, MAPPED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, OWN.page, 0])
  p.call('close', [OWN.page])
  p.call('close_range', [parameter('end'), 0xffffffff, 0])
  p.call('prctl', [PR_SET_NAME, 'wherry:keeper', 0, 0, 0])
  emitDetach(state)
  p.call('getpid', [], { into: state.page('keeper') })
  emitDescriptors(state)
  state.now(state.exit.plus(EXIT.started))

  const child = p.label()
  const parent = p.label()
  p.call('clone', [SIGNALS.SIGCHLD, 0, 0, 0, 0], { into: state.stage, zero: child, positive: parent })
  p.place(child)
  emitChild(state)
  p.place(parent)
  emitRetire(state)
  p.compare(parameter('staged'), 1, { equal: state.loop })
  p.copy(state.stage, state.init)
  p.jump(state.begun)
}
