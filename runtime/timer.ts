/**
 * The timer: a syscall program that runs a command after a while, so that nothing of Node’s has to wait: for health checks and for
 * restarts with back-off. If the command does not exit with 0 (it was killed, say) it is run again after the same while.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { Program } from './program/assembler.ts'
import { PAGE_SIZE } from './program/layout.ts'
import { link } from './program/link.ts'
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE } from './sys/abi/mman.ts'
import { POLLFD, POLLIN } from './sys/abi/poll.ts'
import { PR_SET_NAME } from './sys/abi/prctl.ts'
import type { Arch } from './sys/abi/syscalls.ts'
import { TIMESPEC } from './sys/abi/time.ts'
import { executableFile, posixSpawn } from './sys/spawn.ts'
import { ARCH } from './sys/syscall.ts'

const NAME = 'wherry:timer'
/** 0 to 2 are /dev/null. */
const WATCHED = 3

export interface TimerOptions {
  /** Milliseconds. */
  readonly delay: number
  /** Absolute path of the program, its argv and environment. */
  readonly path: string
  readonly argv: readonly string[]
  readonly env: readonly string[]
  /** Descriptor that becomes readable when there is no need any more: the pidfd of a keeper. */
  readonly watched?: number
}

export const timerProgram = (arch: Arch, { delay, path, argv, env, watched }: TimerOptions): Program => {
  const p = new Program(arch)
  p.call('mmap', [p.page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0])
  p.call('close_range', [watched === undefined ? WATCHED : WATCHED + 1, 0xffffffff, 0])
  p.call('setsid', [], { tolerate: ['EPERM'] })
  p.call('chdir', ['/'])
  p.call('prctl', [PR_SET_NAME, p.string(NAME)])
  const polled = Buffer.alloc(POLLFD.size)
  polled.writeInt32LE(watched === undefined ? -1 : WATCHED, POLLFD.fd)
  polled.writeInt16LE(POLLIN, POLLFD.events)
  const fds = p.bytes(polled, 8)
  const again = p.label()
  const due = p.label()
  p.place(again)
  // ppoll counts down in place
  const timeout = p.words([Math.floor(delay / 1000), Math.floor((delay % 1000) * 1e6)])
  const left = p.buffer(TIMESPEC.size)
  p.copy(timeout, left)
  p.copy(timeout.plus(TIMESPEC.tv_nsec), left.plus(TIMESPEC.tv_nsec))
  const wait = p.label()
  p.place(wait)
  p.call('ppoll', [fds, 1, left, 0, 0], { zero: due, tolerate: { EINTR: wait } })
  p.exit(0)
  p.place(due)
  const status = p.buffer(8)
  p.fork(() => {
    const refused = p.label()
    p.call('execve', [path, p.strings(argv), p.strings(env)], { negative: refused })
    p.place(refused)
    p.exit(127)
  })
  const reap = p.label()
  p.place(reap)
  p.call('wait4', [-1, status, 0, 0], { tolerate: { EINTR: reap } })
  p.compare(status, 0, { mask: 0xffffffff, otherwise: again, waitStatus: true })
  p.exit(0)
  return p
}

/** Starts it and returns its pid: it is the caller’s child, and init’s when that has ended. @param folder where an executable may lie for a moment */
export const startTimer = (options: TimerOptions, folder: string): number => {
  const nothing = openSync('/dev/null', constants.O_RDWR)
  const executable = executableFile(link(timerProgram(ARCH, options)).elf, folder)
  try {
    const streams = [0, 1, 2].map((to) => ({ from: nothing, to }))
    return posixSpawn(executable, [NAME], options.watched === undefined ? streams : [...streams, { from: options.watched, to: WATCHED }])
  } finally {
    closeSync(executable)
    closeSync(nothing)
  }
}
