/** Starts a program and talks with it until it has executed its process or has ended; shared by create and exec. */
import { closeSync, constants, openSync } from 'node:fs'
import type { CgroupRecord } from '../cgroups/types.ts'
import { WherryError } from '../errors.ts'
import type { Descriptors } from '../init/descriptors.ts'
import { PAGE_WORDS } from '../init/sync.ts'
import type { Program } from '../program/assembler.ts'
import { type Image, link } from '../program/link.ts'
import { WNOHANG, wifsignaled, wtermsig } from '../sys/abi/wait.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { isErrno } from '../sys/error.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { monotonic } from '../sys/clock.ts'
import { sleep } from '../sleep.ts'
import { trySyscall } from '../sys/syscall.ts'
import type { Channel } from './channel.ts'
import { readPage } from './page-file.ts'
import { signalName } from '../sys/abi/signal.ts'

export interface Launched {
  readonly image: Image
  /** Pid of the stage where it is our child, else 0. */
  readonly stage: number
  readonly page: number
}

/** How a program is started, and what it finds as its standard streams. */
export interface Starter {
  /** Undefined: this process's. Else which of 0–2 are made for the process, pipes and the like; the others are the host's /dev/null. */
  readonly streams: readonly number[] | undefined
  /** Behind all descriptors the program finds a socket for the master of its terminal. */
  readonly terminal: boolean
  start(request: Start): Launched
}

export interface Start {
  readonly program: Program
  /** argv[0] */
  readonly name: string
  readonly descriptors: Descriptors
  /** The failure page's file. */
  readonly page: number
  readonly channel: Channel
  /** Where an executable can be kept for a moment if memory cannot be executed. */
  readonly folder: string
  readonly cgroup: CgroupRecord
}

type Placed = Omit<Start, 'cgroup' | 'descriptors'> & { readonly descriptors: Pick<Descriptors, 'placements'> }

/** Links and starts the program; the channel's other end is the program's alone from here on. */
export const launch = ({ program, name, descriptors, page, channel, folder }: Placed): Launched => {
  const image = link(program)
  const executable = executableFile(image.elf, folder)
  try {
    const stage = posixSpawn(executable, [name], descriptors.placements)
    return { image, stage, page }
  } finally {
    closeSync(executable)
    channel.handOver()
  }
}

/** As our child, with our streams. */
export const CHILD: Starter = { streams: undefined, terminal: false, start: launch }

/** As our child, with descriptors of ours for its standard streams, which stay ours to close; undefined: /dev/null. */
export const childWith = (streams: readonly (number | undefined)[]): Starter => ({
  streams: [0, 1, 2].filter((stream) => streams[stream] !== undefined),
  terminal: false,
  start: (request) => {
    const nothing = openSync('/dev/null', constants.O_RDWR)
    try {
      const standard = [0, 1, 2].map((to) => ({ from: streams[to] ?? nothing, to }))
      const others = request.descriptors.placements.filter(({ to }) => to > 2)
      return launch({ ...request, descriptors: { placements: [...standard, ...others] } })
    } finally {
      closeSync(nothing)
    }
  },
})

/** As our child, on a terminal of its own, whose master comes over `socket`, which stays ours to close. */
export const childOnTerminal = (socket: number): Starter => ({
  streams: [],
  terminal: true,
  start: (request) => {
    const nothing = openSync('/dev/null', constants.O_RDWR)
    try {
      const standard = [0, 1, 2].map((to) => ({ from: nothing, to }))
      const others = request.descriptors.placements.filter(({ to }) => to > 2)
      const placements = [...standard, ...others, { from: socket, to: request.descriptors.end }]
      return launch({ ...request, descriptors: { placements } })
    } finally {
      closeSync(nothing)
    }
  },
})

/** Pid of the stage as we see it, when it wants its id maps. */
export const stageOf = ({ page }: Launched): number => readPage(page).word(PAGE_WORDS.stage)

/** Pid of init as we see it, 0 before it exists. */
export const initOf = ({ page }: Launched): number => readPage(page).word(PAGE_WORDS.init)

const status = Buffer.alloc(4)

/** Waits for a child that has ended or is about to; undefined where it is not a child or, with WNOHANG, runs. */
export const reap = (pid: number, options = 0): number | undefined =>
  trySyscall('wait4', pid, status, options, 0) === pid ? status.readInt32LE() : undefined

/** What the failure page says. The words for it are loaded when there is something to say. */
export const failureIn = async ({ image, page }: Pick<Launched, 'image' | 'page'>): Promise<Error | undefined> => {
  const read = readPage(page)
  if (read.failure === undefined) return undefined
  const { failureOf } = await import('../program/failure.ts')
  return failureOf(image, read)
}

/** Milliseconds that a process which has closed its end of the channel may take to be dead. */
const DYING = 1000

/** The status of a child that is about to end; undefined where it is none, or runs on. */
const endOf = async (pid: number): Promise<number | undefined> => {
  const until = monotonic() + DYING
  for (;;) {
    const found = pid === 0 ? -ERRNO.ECHILD : trySyscall('wait4', pid, status, WNOHANG, 0)
    if (found === pid) return status.readInt32LE()
    if (found !== 0 || monotonic() > until) return undefined
    await sleep(1)
  }
}

/** Why the program ended before its time: what failed, or what ended it. */
export const failure = async (launched: Launched, what: string): Promise<Error> => {
  const failed = await failureIn(launched)
  if (failed !== undefined) return failed
  const ended = (await endOf(initOf(launched))) ?? (await endOf(launched.stage))
  if (ended !== undefined && wifsignaled(ended))
    return new WherryError(
      'internal',
      `${what} was ended by ${signalName(wtermsig(ended))} (SIGKILL: the memory limit may be too small; SIGSYS: the seccomp filter forbids execve)`,
    )
  return new WherryError('internal', `${what} ended before its process was executed`)
}

/** What to tell of an error in the talk with a program: a broken pipe only says that it has ended. */
export const causeOf = async (error: unknown, launched: Launched, what: string): Promise<unknown> =>
  isErrno(error, 'EPIPE', 'ECONNRESET') ? failure(launched, what) : error

/** Ends what is left of a program that failed. */
export const abandon = (launched: Launched): void => {
  const pid = initOf(launched)
  for (const child of [pid, launched.stage]) {
    if (child === 0) continue
    if (reap(child, WNOHANG) !== undefined) continue
    trySyscall('kill', child, 9)
    reap(child)
  }
}
