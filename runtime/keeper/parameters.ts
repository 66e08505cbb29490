/**
 * What a keeper is told about its container: words, strings and arrays of strings in its page, behind those that docs/keeper.md
 * describes. The program itself is the same for all containers, so that keepers started by one process share its memory.
 * These are no format: they are written and read by the same version of Wherry.
 */
import { WherryError } from '../errors.ts'
import { PAGE, PAGE_SIZE } from '../program/layout.ts'
import { Cell, Ref } from '../program/operand.ts'
import { MESSAGE_OFFSET, MESSAGE_SIZE } from '../program/page.ts'
import { RENAME_NOREPLACE } from '../sys/abi/fcntl.ts'
import { RLIMIT64 } from '../sys/abi/resource.ts'
import type { Arch } from '../sys/abi/syscalls.ts'
import { ITIMERSPEC } from '../sys/abi/time.ts'
import { EXIT, EXIT_MAGIC, PAGE_MAGIC, PAGE_WORDS, SPOOL } from './layout.ts'
import { encodeFileHeader } from './spool.ts'

/** Name of the file of dist/ with a keeper’s executable. */
export const keeperFile = (arch: Arch, terminal: boolean): string => `keeper${terminal ? '-terminal' : ''}.${arch}.elf`

/** As much is mapped from PAGE on; most pages of it are never there. */
export const MAPPED_SIZE = 0x10000
/** Texts begin behind the room for a failure's message. */
const TEXTS = MESSAGE_OFFSET + MESSAGE_SIZE
/** Bytes from one slot's name to the next. */
export const NAME_SIZE = 16

/** Offsets in the page, by name. */
const WORDS = {
  /** Descriptors of the child are CHILD_BASE …, its executable is behind them. */
  children: 256,
  lastChild: 264,
  executable: 272,
  end: 280,
  argv: 288,
  env: 296,
  /** 1: the executable is a stage, and init's pid is in its page at `pidOffset`. */
  staged: 304,
  pidOffset: 312,
  /** The spool: names of its slots, and which is the current one. */
  names: 320,
  slots: 328,
  slot: 336,
  limit: 344,
  /** RENAME_NOREPLACE where files are consumed. */
  rename: 352,
  /** Of the next file. */
  header: 360,
  uid: 400,
  durable: 408,
  stdinOnce: 416,
  /** Descriptors, or -1. */
  stdinWriter: 424,
  memory: 432,
  cleanup: 440,
  cleanupArgv: 448,
  cleanupEnv: 456,
  /** struct rlimit64 of RLIMIT_FSIZE. */
  fileSize: 464,
  /** struct itimerspec. */
  drain: 480,
  acknowledge: 512,
  /** /proc/self/fd/N of the executable. */
  path: 544,
} as const

export type ParameterName = keyof typeof WORDS

const page = new Ref({ bytes: undefined, size: MAPPED_SIZE, align: PAGE_SIZE, pointers: [], fixed: PAGE })
export const parameterAddress = (name: ParameterName): Ref => page.plus(WORDS[name])
export const parameter = (name: ParameterName): Cell => new Cell(parameterAddress(name), name)

export interface Command {
  /** Absolute. */
  readonly path: string
  readonly argv: readonly string[]
  readonly env: readonly string[]
}

export interface Parameters {
  /** How many descriptors the child is given: CHILD_BASE … become 0 … */
  readonly children: number
  readonly argv: readonly string[]
  readonly env: readonly string[]
  /** Where the stage's page holds init's pid; undefined: the child is init. */
  readonly pidOffset: number | undefined
  readonly slots: number
  /** Of the current spool file. */
  readonly sequence: bigint
  /** Length of the current spool file. */
  readonly offset: number
  /** Bytes that no spool file exceeds. */
  readonly limit: number
  readonly id: bigint
  /** RLIMIT_FSIZE, the hard limit: it can only be kept. */
  readonly hardFileSize: bigint
  readonly consumed: boolean
  /** Besides root, who may connect. */
  readonly uid: number
  readonly durable: boolean
  readonly stdinOnce: boolean
  /** Whether the descriptors of these names are there. */
  readonly stdin: boolean
  readonly memory: boolean
  readonly cleanup: Command | undefined
  /** Milliseconds. */
  readonly drain: number
  readonly acknowledge: number
}

/** Descriptors of a keeper, by number. Those that it has no use for are not open. */
export const OWN = {
  page: 3,
  listener: 4,
  run: 5,
  spool: 6,
  log: 7,
  exit: 8,
  subscriber: 9,
  /** The pipes of the streams; of a terminal the socket on which its master comes. */
  stdout: 10,
  stderr: 11,
  console: 10,
  stdinWriter: 12,
  memory: 13,
  stagePage: 14,
} as const
export const CHILD_BASE = 32

/** Words and the texts behind them. */
class Memory {
  readonly #bytes = Buffer.alloc(MAPPED_SIZE)
  #top = TEXTS

  word(at: number, value: number | bigint): void {
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at)
  }

  set(at: number, content: Uint8Array): void {
    this.#bytes.set(content, at)
  }

  /** Returns the address. */
  put(content: Uint8Array): number {
    const at = this.#top
    if (at + content.length > MAPPED_SIZE)
      throw new WherryError('invalid-argument', `arguments and environment of a keeper’s programs exceed ${MAPPED_SIZE - TEXTS} bytes`)
    this.#bytes.set(content, at)
    this.#top = Math.ceil((at + content.length) / 8) * 8
    return PAGE + at
  }

  string(text: string): number {
    if (text.includes('\0')) throw new TypeError(`a NUL byte in ${JSON.stringify(text)}`)
    return this.put(Buffer.from(`${text}\0`))
  }

  strings(texts: readonly string[]): number {
    const array = Buffer.alloc((texts.length + 1) * 8)
    for (const [index, text] of texts.entries()) array.writeBigUInt64LE(BigInt(this.string(text)), index * 8)
    return this.put(array)
  }

  get used(): Uint8Array {
    return this.#bytes.subarray(0, Math.max(this.#top, PAGE_SIZE))
  }
}

const nameTable = (slots: number): Uint8Array => {
  const table = Buffer.alloc(slots * NAME_SIZE)
  for (let slot = 0; slot < slots; slot += 1) table.write(SPOOL.log(slot), slot * NAME_SIZE)
  return table
}

/** struct itimerspec that expires once; a time of 0 would disarm the timer. */
const putTimer = (memory: Memory, at: number, milliseconds: number): void => {
  const ns = Math.max(Math.round(milliseconds * 1e6), 1)
  memory.word(at + ITIMERSPEC.it_value, Math.floor(ns / 1e9))
  memory.word(at + ITIMERSPEC.it_value + 8, ns % 1e9)
}

/** The content of a keeper's page before it starts. Throws WherryError where argv and env exceed some 60 KiB. */
export const encodePage = (p: Parameters): Uint8Array => {
  const memory = new Memory()
  const executable = CHILD_BASE + p.children
  const values: Readonly<Record<Exclude<ParameterName, 'drain' | 'acknowledge' | 'header' | 'fileSize'>, number | bigint>> = {
    children: p.children,
    lastChild: executable - 1,
    executable,
    end: executable + 1,
    path: memory.string(`/proc/self/fd/${executable}`),
    argv: memory.strings(p.argv),
    env: memory.strings(p.env),
    staged: Number(p.pidOffset !== undefined),
    pidOffset: p.pidOffset ?? 0,
    names: memory.put(nameTable(p.slots)),
    slots: p.slots,
    slot: p.sequence % BigInt(p.slots),
    limit: p.limit,
    rename: p.consumed ? RENAME_NOREPLACE : 0,
    uid: p.uid,
    durable: Number(p.durable),
    stdinOnce: Number(p.stdinOnce),
    stdinWriter: p.stdin ? OWN.stdinWriter : -1,
    memory: p.memory ? OWN.memory : -1,
    cleanup: p.cleanup === undefined ? 0 : memory.string(p.cleanup.path),
    cleanupArgv: p.cleanup === undefined ? 0 : memory.strings(p.cleanup.argv),
    cleanupEnv: p.cleanup === undefined ? 0 : memory.strings(p.cleanup.env),
  }
  for (const [name, value] of Object.entries(values)) memory.word(WORDS[name as ParameterName], value)
  memory.word(PAGE_WORDS.magic, PAGE_MAGIC)
  memory.word(PAGE_WORDS.exit + EXIT.magic, EXIT_MAGIC)
  memory.word(PAGE_WORDS.exit + EXIT.sequence, p.sequence)
  memory.word(PAGE_WORDS.exit + EXIT.offset, p.offset)
  memory.set(WORDS.header, encodeFileHeader(p))
  memory.word(WORDS.fileSize + RLIMIT64.rlim_cur, p.limit)
  memory.word(WORDS.fileSize + RLIMIT64.rlim_max, p.hardFileSize)
  putTimer(memory, WORDS.drain, p.drain)
  putTimer(memory, WORDS.acknowledge, p.acknowledge)
  return memory.used
}
