/** Starts a keeper: prepares its two folders, gives it its descriptors and lets it go. Nothing of this process stays with it. */
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WherryError } from '../errors.ts'
import { failureOf } from '../program/failure.ts'
import { type Image, link } from '../program/link.ts'
import { Page } from '../program/page.ts'
import { F_SETFL, O_CLOEXEC, O_NONBLOCK } from '../sys/abi/fcntl.ts'
import { RLIMIT64, RLIMITS } from '../sys/abi/resource.ts'
import { S_IFIFO } from '../sys/abi/stat.ts'
import type { SyscallError } from '../sys/error.ts'
import { executableFile, type Placement, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import { socketpair, unixListen } from '../sys/unix.ts'
import { Connection } from './connection.ts'
import type { ExitRecord } from './exit.ts'
import { makeExitRoom, openSpool, type SpoolOptions } from './files.ts'
import { RUN, SPOOL } from './layout.ts'
import { makeKeeperPage, readKeeperPage } from './page.ts'
import { CHILD_BASE, type Command, encodePage, OWN } from './parameters.ts'
import { keeperProgram } from './program.ts'
import { type KeeperFolders, readOutcome } from './wait.ts'

export interface KeeperOptions {
  /** Folder for the socket, stdin and the page; 0700, made by the caller, used by one keeper at a time. */
  readonly run: string
  /** Folder for the spool and the exit record; it may have those of earlier runs. */
  readonly spool: string
  readonly log: SpoolOptions
  /** The exit record is to survive a power cut. */
  readonly durable: boolean
  /** Descriptor of the executable that becomes the keeper's child. */
  readonly executable: number
  readonly argv: readonly string[]
  readonly env: readonly string[]
  /** Descriptors of this process that the child finds from 3 on. With a terminal one more comes behind: the socket for the master. */
  readonly descriptors: readonly number[]
  /** `once`: it ends when the first that attached to it leaves. With a terminal input goes to the terminal: `none`. */
  readonly stdin: 'none' | 'open' | 'once'
  readonly terminal: boolean
  /** Absent: the executable is init itself. Else it is a stage: once it has exited with 0, `page` has init's pid at `pidOffset` (32 bits). */
  readonly stage?: { readonly page: number; readonly pidOffset: number }
  /** Descriptor of the cgroup's memory.events or memory.oom_control. */
  readonly memoryEvents?: number
  readonly cleanup?: Command
  /** Milliseconds that output is waited for after init's end, default 2000. */
  readonly drain?: number
  /** Milliseconds that a subscriber has for its acknowledgement, default 10000. */
  readonly acknowledge?: number
}

export const LOG_DEFAULTS: SpoolOptions = { limit: 10 * 1024 * 1024, slots: 3, consumed: false }

/** log-opt max-size and max-file. One file would leave a follower nothing to go on to: it is two of half the size. */
export const logOptions = (maxSize: number, maxFiles: number, consumed = false): SpoolOptions =>
  maxFiles < 2 ? { limit: Math.floor(maxSize / 2), slots: 2, consumed } : { limit: maxSize, slots: maxFiles, consumed }

const images = new Map<boolean, { image: Image; executable: number }>()

/** One executable for all keepers of this process: they share its pages. */
const keeperImage = (terminal: boolean, folder: string) => {
  let known = images.get(terminal)
  if (known === undefined) {
    const image = link(keeperProgram({ arch: ARCH, terminal }))
    known = { image, executable: executableFile(image.elf, folder) }
    images.set(terminal, known)
  }
  return known
}

/** A keeper that this process has started and that it is the subscriber of. */
export class Keeper {
  readonly #connection: Connection
  readonly #image: Image
  readonly #folders: KeeperFolders
  #over = false
  #ended: Promise<ExitRecord | undefined> | undefined

  constructor(connection: Connection, image: Image, folders: KeeperFolders) {
    this.#connection = connection
    this.#image = image
    this.#folders = folders
  }

  /** Resolves to init's pid once init exists; rejects with the reason where it never did. To be called once, before `ended`. */
  async begun(): Promise<number> {
    const event = await this.#connection.next()
    if (event?.type === 'begun') return event.value
    this.#over = true
    const record = readOutcome(this.#folders)
    const failed = this.failure()
    if (failed !== undefined) throw failed
    if (record === undefined) throw new WherryError('internal', 'the keeper ended before the container’s init existed')
    const how = record.signal === undefined ? `exited with ${record.exitCode}` : `was ended by signal ${record.signal}`
    throw new WherryError('internal', `the stage ${how} before the container’s init existed`)
  }

  /** What the keeper could not do: where there is an exit record, execute its child. */
  failure(): SyscallError | undefined {
    const page = readKeeperPage(this.#folders.run)
    return page === undefined ? undefined : failureOf(this.#image, new Page(page))
  }

  /** Resolves once the exit record is there; to undefined where the keeper was killed and there is none. */
  ended(): Promise<ExitRecord | undefined> {
    this.#ended ??= (async () => {
      while (!this.#over) {
        const event = await this.#connection.next()
        this.#over = event === undefined || event.type === 'ended'
      }
      return readOutcome(this.#folders)
    })()
    return this.#ended
  }

  /** Takes the clean-up on: the keeper ends without its clean-up command. To be called after `ended`. */
  acknowledge(): void {
    this.#connection.send('acknowledge')
  }

  /** Leaves the keeper to itself: it cleans up, unless another subscribes. */
  detach(): void {
    this.#connection.close()
  }
}

/** Descriptors that are closed, and files that are removed again where something fails. */
class Preparation {
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
  syscall('mknodat', [-100, path, S_IFIFO | 0o600, 0], { args: [path, 'S_IFIFO'] })
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

const prepare = (own: Preparation, options: KeeperOptions): number => {
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

/**
 * Starts a keeper and is its subscriber. Resolves once the keeper has left this process; whether init exists is told by `begun`.
 * Throws SyscallError or WherryError, and leaves nothing in the folders but the spool.
 */
export const startKeeper = (options: KeeperOptions): Keeper => {
  if (options.terminal && options.stdin !== 'none') throw new TypeError('stdin of a container with a terminal is the terminal')
  const own = new Preparation()
  let ours: number | undefined
  try {
    const { image, executable } = keeperImage(options.terminal, options.run)
    ours = prepare(own, options)
    const pid = posixSpawn(executable, ['wherry:keeper'], own.placements)
    syscall('wait4', [pid, Buffer.alloc(4), 0, 0])
    own.close()
    return new Keeper(new Connection(ours), image, { run: options.run, spool: options.spool })
  } catch (error) {
    own.undo()
    if (ours !== undefined) closeSync(ours)
    throw error
  }
}
