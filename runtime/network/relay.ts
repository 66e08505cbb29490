/**
 * The relay: a syscall program that holds a container’s published ports for as long as its keeper lives, and passes on the
 * connections that our rules do not translate: those to ::1, which the kernel routes to nobody else. A process per such
 * connection and direction, each of some pages; UDP to ::1 is held and not passed on.
 */
import { closeSync } from 'node:fs'
import { Program } from '../program/assembler.ts'
import { PAGE_SIZE } from '../program/layout.ts'
import { link } from '../program/link.ts'
import type { Cell } from '../program/operand.ts'
import { O_CLOEXEC } from '../sys/abi/fcntl.ts'
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../sys/abi/mman.ts'
import { POLLFD, POLLIN } from '../sys/abi/poll.ts'
import { PR_SET_NAME, PR_SET_PDEATHSIG } from '../sys/abi/prctl.ts'
import { SIG_IGN, SIGNALS, SIGSET_SIZE } from '../sys/abi/signal.ts'
import { AF_INET, AF_INET6, SHUT_WR, SOCK_CLOEXEC, SOCK_STREAM } from '../sys/abi/socket.ts'
import { SPLICE_F_MOVE } from '../sys/abi/splice.ts'
import type { Arch } from '../sys/abi/syscalls.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import type { Address } from './address.ts'
import { type HeldPort, socketAddress } from './hold.ts'

const NAME = 'wherry:relay'
/** Descriptor of the process whose end is ours; those of the ports follow. */
const WATCHED = 0
const FIRST = 1
const CHUNK = 1 << 20

/** Copies until the end of `from`, which it passes on; then goes to `behind`. */
const emitPump = (p: Program, from: Cell, to: Cell): void => {
  const pipe = p.buffer(8)
  const [reader, writer, left] = [p.cell('reader'), p.cell('writer'), p.cell('left')]
  const [again, rest, ended] = [p.label(), p.label(), p.label()]
  p.call('pipe2', [pipe, O_CLOEXEC])
  p.compute(pipe, { mask: 0xffffffff }, { into: reader })
  p.compute(pipe.plus(4), { mask: 0xffffffff }, { into: writer })
  p.place(again)
  p.call('splice', [from, 0, writer, 0, CHUNK, SPLICE_F_MOVE], { into: left, zero: ended, negative: ended })
  p.place(rest)
  const moved = p.call('splice', [reader, 0, to, 0, left, SPLICE_F_MOVE], { zero: ended, negative: ended })
  const negated = p.compute(moved, { factor: -1 }, { negative: 'next' })
  p.compute(left, { addend: negated }, { into: left, positive: rest, zero: again, negative: ended })
  p.place(ended)
  p.call('shutdown', [to, SHUT_WR], { negative: 'next' })
}

export interface RelayTarget {
  readonly to: Address
  readonly port: number
}

/** `targets` by port: undefined for one that is held and nothing more. */
export const relayProgram = (arch: Arch, targets: readonly (RelayTarget | undefined)[]): Program => {
  const p = new Program(arch)
  p.call('mmap', [p.page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0])
  const end = FIRST + targets.length
  p.call('close_range', [end, 0xffffffff, 0])
  p.call('setsid', [], { tolerate: ['EPERM'] })
  p.call('chdir', ['/'])
  p.call('prctl', [PR_SET_NAME, p.string(NAME)])
  // its children need nobody who waits for them
  p.call('rt_sigaction', [SIGNALS.SIGCHLD, p.words([SIG_IGN, 0, 0, 0]), 0, SIGSET_SIZE])
  p.call('rt_sigaction', [SIGNALS.SIGPIPE, p.words([SIG_IGN, 0, 0, 0]), 0, SIGSET_SIZE])
  const polled = Buffer.alloc(POLLFD.size * end)
  const set = (index: number, fd: number): void => {
    polled.writeInt32LE(fd, index * POLLFD.size + POLLFD.fd)
    polled.writeInt16LE(POLLIN, index * POLLFD.size + POLLFD.events)
  }
  set(0, WATCHED)
  // what is not passed on is not looked at: a negative descriptor
  for (const [index, target] of targets.entries()) set(FIRST + index, target === undefined ? -1 : FIRST + index)
  const fds = p.bytes(polled, 8)
  const loop = p.label()
  const over = p.label()
  p.place(loop)
  p.call('ppoll', [fds, end, 0, 0, 0], { tolerate: ['EINTR'] })
  const revents = (index: number) =>
    p.compute(fds.plus(index * POLLFD.size), { mask: 0xffff_0000_0000_0000n }, { negative: 'next', positive: 'next' })
  p.compare(revents(0), 0, { otherwise: over })
  for (const [index, target] of targets.entries()) {
    if (target === undefined) continue
    const next = p.label()
    p.compare(revents(FIRST + index), 0, { equal: next })
    const connection = p.call('accept4', [FIRST + index, 0, 0, SOCK_CLOEXEC], { negative: next, name: 'connection' })
    const failed = p.label()
    p.fork(
      () => {
        const gone = p.label()
        p.call('prctl', [PR_SET_PDEATHSIG, SIGNALS.SIGKILL], { negative: gone })
        p.call('close_range', [WATCHED, end - 1, 0], { negative: gone })
        const family = target.to.family === 4 ? AF_INET : AF_INET6
        const address = socketAddress(target.to, target.port)
        const peer = p.call('socket', [family, SOCK_STREAM | SOCK_CLOEXEC, 0], { negative: gone, name: 'peer' })
        p.call('connect', [peer, p.bytes(address, 8), address.length], { negative: gone })
        p.fork(
          () => {
            p.call('prctl', [PR_SET_PDEATHSIG, SIGNALS.SIGKILL], { negative: gone })
            emitPump(p, connection, peer)
            p.exit(0)
          },
          { negative: gone },
        )
        emitPump(p, peer, connection)
        // comes back without a child once all have ended
        p.call('wait4', [-1, 0, 0, 0], { negative: 'next' })
        p.place(gone)
        p.exit(0)
      },
      { negative: failed },
    )
    p.place(failed)
    p.call('close', [connection])
    p.place(next)
  }
  p.jump(loop)
  p.place(over)
  p.exit(0)
  return p
}

const isLoopback6 = ({ family, value }: Address): boolean => family === 6 && value === 1n

/**
 * Starts the relay of `held`, whose descriptors stay the caller’s; returns its pid. It is the caller’s child, and init’s when that has ended.
 * @param watched descriptor that becomes readable when the keeper ends: its pidfd
 * @param folder where an executable may lie for a moment
 */
export const startRelay = (held: readonly HeldPort[], addresses: readonly Address[], watched: number, folder: string): number => {
  const targets = held.map(({ protocol, host, port }): RelayTarget | undefined => {
    // who asks at IPv6's loopback gets through to a container that has IPv4 only
    const to = addresses.find(({ family }) => family === host.family) ?? (isLoopback6(host) ? addresses[0] : undefined)
    return protocol !== 'tcp' || to === undefined ? undefined : { to, port }
  })
  const executable = executableFile(link(relayProgram(ARCH, targets)).elf, folder)
  try {
    return posixSpawn(
      executable,
      [NAME],
      [{ from: watched, to: WATCHED }, ...held.map(({ fd }, index) => ({ from: fd, to: FIRST + index }))],
    )
  } finally {
    closeSync(executable)
  }
}

/** A descriptor that becomes readable when the process ends: pidfd_open(2). Close-on-exec. */
export const openPidfd = (pid: number): number => syscall('pidfd_open', [pid, 0], { args: [`pid=${pid}`] })
