/** What the parts of a keeper's program share: its memory, its descriptors and the places it goes on at. */
import type { Program } from '../../program/assembler.ts'
import { Label, type Next } from '../../program/op.ts'
import { Cell, type Operand, type Ref } from '../../program/operand.ts'
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_EVENT, EPOLLIN } from '../../sys/abi/poll.ts'
import type { SyscallName } from '../../sys/abi/syscalls.ts'
import { CLOCK_REALTIME, ITIMERSPEC, TIMESPEC } from '../../sys/abi/time.ts'
import { EXIT, PAGE_WORDS, RECORD } from '../layout.ts'
import { OWN, parameterAddress } from '../parameters.ts'

/** What an event is of: the data of struct epoll_event. A client's is CLIENT plus its descriptor. */
export const TAGS = { stdout: 1, stderr: 2, control: 3, signal: 4, listener: 5, retry: 6, deadline: 7, console: 8 } as const
export const CLIENT = 1n << 32n

/** Room for one record. Half of it would cost a quarter more processor time per byte, twice of it gain next to nothing. */
export const BUFFER_SIZE = 15 * 1024
/** A file with less room left than this for a payload is full. */
export const LEAST_ROOM = 256
/** Nanoseconds between attempts: from 1 ms, doubled to 512 ms. */
export const RETRY_FIRST = 1_000_000
export const RETRY_LAST = 512_000_000
/** Reads after the drain time. */
export const LAST_READS = 64

/** What the retry timer is for. */
export const RESUME = { nothing: 0, write: 1, rotate: 2, terminal: 3 } as const

export const LOW32 = 0xffff_ffffn

export class State {
  readonly p: Program
  /** The container has a terminal: one stream, read from a pty's master, that init sends. */
  readonly terminal: boolean

  /** Descriptors made by the program itself: `all` tells of everything, `control` of everything but output, `waiting` is one of them. */
  readonly signals: Cell
  readonly retryTimer: Cell
  readonly deadlineTimer: Cell
  readonly all: Cell
  readonly control: Cell
  readonly waiting: Cell
  readonly timeout: Cell
  readonly event: Ref
  readonly eventData: Ref

  /** How many streams have not ended; the one that is read. */
  readonly open: Cell
  readonly source: Cell
  readonly master: Cell
  /** The record in hand: `left` bytes of it, from `at` on, are not yet in the file. `kind` is the upper half of its first word. */
  readonly record: Ref
  readonly recordStart: Cell
  readonly kind: Cell
  readonly length: Cell
  readonly left: Cell
  readonly at: Cell
  readonly log: Cell
  readonly sequence: Cell
  readonly offset: Cell

  readonly error: Cell
  readonly resume: Cell
  readonly retry: Ref
  readonly interval: Cell

  readonly stage: Cell
  readonly init: Cell
  readonly initFd: Cell
  /** The exit record, in the page; `pid` is init's for all to see, `init` is 0 once it has ended. */
  readonly exit: Ref
  readonly pid: Cell
  readonly lastReads: Cell
  readonly startFailed: Cell
  readonly terminated: Cell
  readonly lost: Cell
  readonly held: Cell

  readonly subscriber: Cell
  readonly listening: Cell
  readonly stdinClient: Cell
  readonly client: Cell

  readonly timespec: Ref
  readonly scratch: Ref
  /** struct rlimit64 of RLIMIT_FSIZE as the keeper was started with it. */
  readonly fileSize: Ref

  /** Wait for the next event. */
  readonly loop = new Label()
  readonly dispatch = new Label()
  readonly take = { stdout: new Label(), stderr: new Label() } as const
  readonly write = new Label()
  readonly rotate = new Label()
  /** The spool cannot be written: `error` says why, `resume` what is to be tried again. */
  readonly block = new Label()
  readonly pause = new Label()
  /** Arms the retry timer, for a longer time than the last one. */
  readonly later = new Label()
  readonly streamEnded = new Label()
  readonly terminalAgain = new Label()
  readonly onSignal = new Label()
  readonly onListener = new Label()
  readonly onRetry = new Label()
  readonly onDeadline = new Label()
  readonly onConsole = new Label()
  readonly onClient = new Label()
  readonly begun = new Label()
  readonly killInit = new Label()
  readonly reap = new Label()
  readonly initEnded = new Label()
  readonly publish = new Label()
  readonly cleanup = new Label()

  constructor(p: Program, terminal: boolean) {
    this.p = p
    this.terminal = terminal
    const cell = (name: string, initial: number | bigint = 0) => p.cell(name, initial)
    this.signals = cell('signals')
    this.retryTimer = cell('retryTimer')
    this.deadlineTimer = cell('deadlineTimer')
    this.all = cell('all')
    this.control = cell('control')
    this.waiting = cell('waiting')
    this.timeout = cell('timeout', -1)
    this.event = p.buffer(16)
    this.eventData = this.event.plus(EPOLL_EVENT[p.arch].data)
    this.open = cell('open', terminal ? 1 : 2)
    this.source = cell('source')
    this.master = cell('master', -1)
    this.record = p.buffer(BUFFER_SIZE)
    this.recordStart = new Cell(p.words([this.record]), 'recordStart')
    this.kind = cell('kind')
    this.length = cell('length')
    this.left = cell('left')
    this.at = cell('at')
    this.log = cell('log', OWN.log)
    this.exit = p.page.plus(PAGE_WORDS.exit)
    this.sequence = new Cell(this.exit.plus(EXIT.sequence), 'sequence')
    this.offset = new Cell(this.exit.plus(EXIT.offset), 'offset')
    this.pid = new Cell(this.exit.plus(EXIT.pid), 'pid')
    this.error = cell('error')
    this.resume = cell('resume')
    this.retry = p.words([0, 0, 0, RETRY_FIRST])
    this.interval = new Cell(this.retry.plus(ITIMERSPEC.it_value + TIMESPEC.tv_nsec), 'interval')
    this.stage = cell('stage')
    this.init = cell('init')
    this.initFd = cell('initFd', -1)
    this.lastReads = cell('lastReads', LAST_READS)
    this.startFailed = cell('startFailed')
    this.terminated = cell('terminated')
    this.lost = cell('lost')
    this.held = cell('held')
    this.subscriber = cell('subscriber', OWN.subscriber)
    this.listening = cell('listening', 1)
    this.stdinClient = cell('stdinClient', -1)
    this.client = cell('client')
    this.timespec = p.buffer(TIMESPEC.size)
    this.scratch = p.buffer(128)
    this.fileSize = p.buffer(16)
  }

  page(word: 'keeper' | 'phase' | 'blocked'): Cell {
    return this.p.shared(PAGE_WORDS[word], word)
  }

  /** A call that can only fail for reasons that a keeper can do nothing about, or without harm. */
  tolerant(name: SyscallName, args: readonly Operand[]): Cell {
    return this.p.call(name, args, { negative: 'next' })
  }

  /** CLOCK_REALTIME in nanoseconds. */
  now(into: Cell | Ref): void {
    this.tolerant('clock_gettime', [CLOCK_REALTIME, this.timespec])
    this.p.compute(this.timespec, { factor: 1e9, addend: new Cell(this.timespec.plus(TIMESPEC.tv_nsec), 'tv_nsec') }, { into })
  }

  /** epoll_ctl(2) ADD for input, with an event of its own. */
  watch(epoll: Operand, fd: Operand, tag: number | bigint, negative: Next = 'fail'): void {
    const bytes = Buffer.alloc(EPOLL_EVENT[this.p.arch].size)
    bytes.writeUInt32LE(EPOLLIN, EPOLL_EVENT[this.p.arch].events)
    bytes.writeBigUInt64LE(BigInt(tag), EPOLL_EVENT[this.p.arch].data)
    this.p.call('epoll_ctl', [epoll, EPOLL_CTL_ADD, fd, this.p.bytes(bytes, 8)], { negative })
  }

  unwatch(epoll: Operand, fd: Operand): void {
    this.tolerant('epoll_ctl', [epoll, EPOLL_CTL_DEL, fd, this.event])
  }

  armDeadline(name: 'drain' | 'acknowledge'): void {
    this.tolerant('timerfd_settime', [this.deadlineTimer, 0, parameterAddress(name), 0])
  }

  /** The payload's place in the record. */
  get payload(): Ref {
    return this.record.plus(RECORD.size)
  }
}
