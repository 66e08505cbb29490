/** Signals: asm-generic/signal.h, which x86-64 and arm64 share; signal(7), sigaction(2). */

/** Numbers by name, synonyms (SIGIOT, SIGCLD, SIGPOLL) last. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
  SIGIOT: 6,
  SIGCLD: 17,
  SIGPOLL: 29,
} as const

export type SignalName = keyof typeof SIGNALS

/** As glibc counts: the kernel's 32 and 33 belong to its threads. */
export const SIGRTMIN = 34
export const SIGRTMAX = 64
/** One more than the highest signal: _NSIG of the kernel is 64 signals. */
export const NSIG = 65

const NAMES = new Map<number, string>()
for (const [name, number] of Object.entries(SIGNALS)) if (!NAMES.has(number)) NAMES.set(number, name)

/** `SIGTERM` for 15, `SIGRTMIN+3` for 37; undefined for what is no signal. */
export const signalName = (number: number): string | undefined => {
  const name = NAMES.get(number)
  if (name !== undefined || !Number.isInteger(number) || number < SIGRTMIN || number > SIGRTMAX) return name
  return number === SIGRTMIN ? 'SIGRTMIN' : number === SIGRTMAX ? 'SIGRTMAX' : `SIGRTMIN+${number - SIGRTMIN}`
}

const realtime = (name: string): number | undefined => {
  const match = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name)
  if (match === null) return undefined
  const [, base, sign, offset] = match
  const number = (base === 'MIN' ? SIGRTMIN : SIGRTMAX) + (sign === '-' ? -1 : 1) * Number(offset ?? 0)
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined
}

/** The number of `15`, `TERM`, `sigterm`, `SIGRTMIN+3`, `RTMAX-1`; undefined for what is no signal (0 is none either). */
export const signalNumber = (text: string): number | undefined => {
  if (/^\d{1,2}$/.test(text)) {
    const number = Number(text)
    return number >= 1 && number < NSIG ? number : undefined
  }
  const upper = text.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  return Object.hasOwn(SIGNALS, name) ? SIGNALS[name as SignalName] : realtime(name)
}

export const SIG_DFL = 0
export const SIG_IGN = 1
export const SIG_BLOCK = 0
export const SIG_UNBLOCK = 1
export const SIG_SETMASK = 2
/** sizeof(sigset_t) of the kernel, the last argument of the rt_sig* calls. */
export const SIGSET_SIZE = 8

export const SA_NOCLDSTOP = 0x1
export const SA_NOCLDWAIT = 0x2
export const SA_SIGINFO = 0x4
export const SA_ONSTACK = 0x08000000
export const SA_RESTART = 0x10000000
export const SA_NODEFER = 0x40000000
export const SA_RESETHAND = 0x80000000

/** signalfd(2): struct signalfd_siginfo (offsets, 32-bit fields). */
export const SFD_CLOEXEC = 0x80000
export const SFD_NONBLOCK = 0x800
export const SIGNALFD_SIGINFO = { ssi_signo: 0, ssi_code: 8, ssi_pid: 12, ssi_uid: 16, ssi_status: 40, size: 128 } as const

/** pidfd_send_signal(2), linux/pidfd.h. */
export const PIDFD_NONBLOCK = 0x800
export const PIDFD_THREAD = 0x80
export const PIDFD_SIGNAL_THREAD = 0x1
export const PIDFD_SIGNAL_THREAD_GROUP = 0x2
export const PIDFD_SIGNAL_PROCESS_GROUP = 0x4
