/** Before a keeper is started: its two folders and its descriptors. */
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WherryError } from '../errors.ts'
import { AT_FDCWD, F_SETFL, O_CLOEXEC, O_NONBLOCK } from '../sys/abi/fcntl.ts'
import { RLIMIT64, RLIMITS } from '../sys/abi/resource.ts'
import { S_IFIFO } from '../sys/abi/stat.ts'
import type { Placement } from '../sys/spawn.ts'
import { syscall } from '../sys/syscall.ts'
import { socketpair, unixListen } from '../sys/unix.ts'
import { makeExitRoom, openSpool } from './files.ts'
import { RUN, SPOOL } from './layout.ts'
import type { KeeperOptions } from './options.ts'
import { makeKeeperPage } from './page.ts'
import { CHILD_BASE, encodePage, OWN } from './parameters.ts'

/** posixSpawn moves descriptors that are in the way beyond 512. */
const MOST_CHILDREN = 400

/** Descriptors that are closed, and files that are removed again where something fails. */
export class Preparation {
  readonly placements: Placement[] = []
  readonly #opened: number[] = []
  readonly #made: string[] = []

  own(fd: number): number {
    this.#opened.push(fd)
    return fd
  }

  made(path: string): string {
    this.#made.push(path)
    return path
  }

  place(from: number, to: number): void {
    this.placements.push({ from, to })
  }

  close(): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd)
  }

  undo(): void {
    this.close()
    for (const path of this.#made) rmSync(path, { force: true })
  }
}

const pipe = (own: Preparation): readonly [number, number] => {
  const pair = Buffer.alloc(8)
  syscall('pipe2', [pair, O_CLOEXEC])
  return [own.own(pair.readInt32LE(0)), own.own(pair.readInt32LE(4))]
}

/** The child's 0 to 2 and the keeper's ends of them. Returns what the child is given. */
const prepareStreams = (own: Preparation, options: KeeperOptions, nothing: number): number[] => {
  const { run, terminal, stdin } = options
  if (terminal) {
    const [keeper, child] = socketpair()
    own.place(own.own(keeper), OWN.console)
    return [nothing, nothing, nothing, ...options.descriptors, own.own(child)]
  }
  const outputs = [OWN.stdout, OWN.stderr].map((number) => {
    const [reader, writer] = pipe(own)
    syscall('fcntl', [reader, F_SETFL, O_NONBLOCK])
    own.place(reader, number)
    return writer
  })
  if (stdin === 'none') return [nothing, ...outputs, ...options.descriptors]
  const path = own.made(join(run, RUN.stdin))
  syscall('mknodat', [AT_FDCWD, path, S_IFIFO | 0o600, 0], { args: [path, 'S_IFIFO'] })
  const reader = own.own(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW))
  own.place(own.own(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)), OWN.stdinWriter)
  syscall('fcntl', [reader, F_SETFL, 0])
  return [reader, ...outputs, ...options.descriptors]
}

const hardFileSize = (): bigint => {
  const limits = Buffer.alloc(RLIMIT64.size)
  syscall('prlimit64', [0, RLIMITS.RLIMIT_FSIZE, 0, limits])
  return limits.readBigUInt64LE(RLIMIT64.rlim_max)
}

const placeOptional = (own: Preparation, from: number | undefined, to: number): void => {
  if (from !== undefined) own.place(from, to)
}

/** Prepares the folders and all descriptors of a keeper; returns the subscriber's end of its connection. */
export const prepare = (own: Preparation, options: KeeperOptions): number => {
  const { run, spool, executable } = options
  const opened = openSpool(spool, options.log)
  own.place(own.own(opened.fd), OWN.log)
  own.made(join(spool, SPOOL.exitNext))
  own.place(own.own(makeExitRoom(spool)), OWN.exit)
  for (const name of [RUN.page, RUN.socket, RUN.stdin]) rmSync(join(run, name), { force: true })
  own.place(own.own(unixListen(own.made(join(run, RUN.socket)))), OWN.listener)
  for (const [path, number] of [
    [run, OWN.run],
    [spool, OWN.spool],
  ] as const)
    own.place(own.own(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)), number)

  const nothing = own.own(openSync('/dev/null', constants.O_RDWR))
  for (const number of [0, 1, 2]) own.place(nothing, number)
  const children = prepareStreams(own, options, nothing)
  if (children.length > MOST_CHILDREN)
    throw new WherryError('invalid-argument', `${children.length} descriptors for one program: at most ${MOST_CHILDREN} fit`)
  for (const [index, fd] of children.entries()) own.place(fd, CHILD_BASE + index)
  own.place(executable, CHILD_BASE + children.length)
  placeOptional(own, options.stage?.page, OWN.stagePage)
  placeOptional(own, options.memoryEvents, OWN.memory)

  const content = encodePage({
    children: children.length,
    argv: options.argv,
    env: options.env,
    pidOffset: options.stage?.pidOffset,
    slots: options.log.slots,
    sequence: opened.sequence,
    offset: opened.offset,
    limit: options.log.limit,
    id: opened.id,
    hardFileSize: hardFileSize(),
    consumed: options.log.consumed,
    uid: process.geteuid!(),
    durable: options.durable,
    stdinOnce: options.stdin === 'once',
    stdin: !options.terminal && options.stdin !== 'none',
    memory: options.memoryEvents !== undefined,
    cleanup: options.cleanup,
    drain: options.drain ?? 2000,
    acknowledge: options.acknowledge ?? 10_000,
  })
  own.place(own.own(makeKeeperPage(run, content)), OWN.page)
  own.made(join(run, RUN.page))
  const [ours, theirs] = socketpair()
  own.place(own.own(theirs), OWN.subscriber)
  return ours
}
