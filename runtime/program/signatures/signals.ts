/** Signals: kill(2), sigaction(2), signalfd(2), pidfd_send_signal(2). */
import * as signal from '../../sys/abi/signal.ts'
import { NSIG, SIGNALFD_SIGINFO, signalName } from '../../sys/abi/signal.ts'
import { enumeration, flags, pick } from './constants.ts'
import { fd, hex, type Kind, out, type Signature, pid, pointer, scalar, size } from './kind.ts'
import { layout, struct } from './struct.ts'

/** A signal by name; 0 only probes. */
export const signum: Kind = scalar((value) => signalName(Number(value)) ?? String(value))

/** `[INT TERM]`; most of them are written as `~[CHLD]`, those that are missing. */
const setText = (mask: bigint): string => {
  const [inside, outside]: [string[], string[]] = [[], []]
  for (let number = 1; number < NSIG; number += 1) {
    const name = (signalName(number) ?? `SIG_${number}`).slice('SIG'.length)
    ;((mask >> BigInt(number - 1)) & 1n ? inside : outside).push(name)
  }
  return outside.length < inside.length ? `~[${outside.join(' ')}]` : `[${inside.join(' ')}]`
}

/** The kernel's sigset_t: 64 bits. */
export const signalSet: Kind = pointer((at, scope) => {
  const mask = scope.memory.read(at, 8)
  if (scope.memory.bytes(at) === undefined && mask === 0n && scope.memory.isRead(at)) return scope.memory.address(at)
  return scalar(setText)(mask, scope)
})

const handler: Kind = scalar((value) => (value === 0n ? 'SIG_DFL' : value === 1n ? 'SIG_IGN' : hex(value)))

/** The kernel's struct sigaction; both architectures have sa_restorer. */
const sigaction = struct(
  layout([
    ['sa_handler', 0, 8, handler, 'always'],
    ['sa_flags', 8, 8, flags(pick(signal, /^SA_/))],
    ['sa_mask', 24, 8, scalar(setText)],
  ]),
)

/** What read(2) of a signalfd gives. */
export const SIGNALFD_LAYOUT = layout([
  ['ssi_signo', SIGNALFD_SIGINFO.ssi_signo, 4, signum],
  ['ssi_code', SIGNALFD_SIGINFO.ssi_code, 4, pid],
  ['ssi_pid', SIGNALFD_SIGINFO.ssi_pid, 4, pid],
  ['ssi_uid', SIGNALFD_SIGINFO.ssi_uid, 4, pid],
  ['ssi_status', SIGNALFD_SIGINFO.ssi_status, 4, pid],
])

export const SIGNALS = {
  kill: { pid, sig: signum },
  tkill: { tid: pid, sig: signum },
  tgkill: { tgid: pid, tid: pid, sig: signum },
  pidfd_send_signal: { pidfd: fd, sig: signum, info: out, flags: flags(pick(signal, /^PIDFD_SIGNAL_/)) },
  signalfd4: { fd, mask: signalSet, sizemask: size, flags: flags(pick(signal, /^SFD_/)) },
  rt_sigaction: { signum, act: sigaction, oldact: out, sigsetsize: size },
  rt_sigprocmask: { how: enumeration(pick(signal, /^SIG_(BLOCK|UNBLOCK|SETMASK)$/)), set: signalSet, oldset: out, sigsetsize: size },
  rt_sigsuspend: { mask: signalSet, sigsetsize: size },
  rt_sigpending: { set: out, sigsetsize: size },
} as const satisfies Readonly<Record<string, Signature>>
