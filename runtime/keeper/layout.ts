/**
 * Everything of a keeper that others see: names in its two folders, its page, the messages on its socket, the layout of spool
 * files and of the exit record. Frozen: docs/keeper.md, whose tables these are. All numbers are little-endian.
 */

/** Files of the spool folder, which outlive the container's run. */
export const SPOOL = {
  /** Slot N of the ring holds the files whose sequence number is N modulo the number of slots. */
  log: (slot: number | bigint): string => `log.${slot}`,
  logPattern: /^log\.(0|[1-9]\d{0,4})$/,
  /** A spool file in the making: it is renamed into its slot once its header is whole. */
  next: 'next',
  exit: 'exit',
  /** Room for the exit record, made before the container runs so that a full disk cannot refuse it. */
  exitNext: 'exit.next',
} as const

/** Files of the run folder, which is 0700. */
export const RUN = { socket: 'ctl', stdin: 'stdin', page: 'keeper' } as const

/** Head of a spool file. */
export const FILE_HEADER = {
  /** `WHSPOOL` and the version, 1. */
  magic: 0,
  /** u64, random: the same in all files of a spool. */
  id: 8,
  /** u64: 0, 1, 2 … */
  sequence: 16,
  /** u32: how many slots the ring has. */
  slots: 24,
  /** u32: FILE_FLAGS. */
  flags: 28,
  /** u64: no file grows beyond it. */
  limit: 32,
  size: 40,
} as const
export const FILE_MAGIC = 0x01_4c4f_4f50_5348_57n
/** Set: a file is never replaced; whoever reads the spool removes what it has read. */
export const FILE_FLAGS = { consumed: 1 } as const

/** Head of a record. */
export const RECORD = {
  /** u32: bytes of payload, 1 to MAX_PAYLOAD. */
  length: 0,
  /** u8: STREAMS. */
  stream: 4,
  /** u8: 0. */
  flags: 5,
  /** u16: RECORD_MAGIC. */
  magic: 6,
  /** i64, CLOCK_REALTIME in nanoseconds when the payload was read from the container. */
  time: 8,
  size: 16,
} as const
export const RECORD_MAGIC = 0x5257
export const STREAMS = { stdout: 1, stderr: 2 } as const
export const MAX_PAYLOAD = 65520

/** The exit record. */
export const EXIT = {
  /** `WHEXIT`, 0 and the version, 1. */
  magic: 0,
  /** u32: EXIT_FLAGS. */
  flags: 8,
  /** u32: bytes of `memory`. */
  memoryLength: 12,
  /** i32: CLD_EXITED, CLD_KILLED or CLD_DUMPED of waitid(2). */
  code: 16,
  /** i32: the exit status or the signal. */
  status: 20,
  /** i64: init's pid in the keeper's pid namespace; 0 where there was none. */
  pid: 24,
  /** i64, nanoseconds since the epoch: when the keeper started the program, and when init's end was seen. */
  started: 32,
  ended: 40,
  /** u64: the spool file that was last written and its length. */
  sequence: 48,
  offset: 56,
  /** The start of memory.events (v2) or memory.oom_control (v1) as they were when init had ended. */
  memory: 64,
  size: 512,
} as const
export const EXIT_MAGIC = 0x01_00_5449_5845_4857n
export const EXIT_FLAGS = {
  /** The stage failed: there was no init, or it was killed. */
  startFailed: 1,
  /** SIGTERM came. */
  terminated: 2,
  /** Output was lost: the spool could not be written until the drain time was over. */
  lost: 4,
  /** When the drain time was over, others still held the container's output. */
  held: 8,
} as const

/** Words of the page (its first two are the failure's: program/page.ts). */
export const PAGE_WORDS = {
  /** `WHKEEP`, 0 and the version, 1; written by whoever makes the page. */
  magic: 16,
  keeper: 24,
  /** PHASES. */
  phase: 32,
  /** errno of what keeps the spool from being written: EAGAIN held by a follower, EEXIST not consumed yet, ENOSPC …; 0: nothing. */
  blocked: 40,
  /** The exit record as far as it is known: pid and the spool's end from the start, all of it once the phase is `ended`. */
  exit: 1024,
} as const
export const PAGE_MAGIC = 0x01_00_5045_454b_4857n

export const PHASES = {
  /** The stage is at work. */
  staging: 0,
  running: 1,
  /** Init has ended; its output is read to the end. */
  draining: 2,
  /** The drain time is over; what is there is read, and no more is waited for. */
  last: 3,
  /** The exit record is there. */
  ended: 4,
} as const

/** One byte asks. */
export const REQUESTS = { master: 'm', pidfd: 'p', stdin: 'i', closeStdin: 'c', subscribe: 's', acknowledge: 'a' } as const
/** What the keeper sends: a byte of EVENTS, seven of zero, an i64. */
export const MESSAGE = { type: 0, value: 8, size: 16 } as const
export const EVENTS = {
  /** The answer to a request: 0 (a descriptor may come with it) or a negative errno. */
  reply: 'r',
  /** To the subscriber: init exists; its pid. */
  begun: 'b',
  /** To the subscriber: the exit record is there; the answer is `acknowledge`. */
  ended: 'x',
} as const
