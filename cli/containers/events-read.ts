/** Reads the journal of events: what is there, and what comes; each line once, also when the journal is put away meanwhile. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { FolderWatch } from '../../runtime/keeper/watch.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { type Event, EVENT_TYPES, journalFiles, journalFolder } from './events.ts'

const CHUNK = 256 * 1024
/** Bytes: what has no end by then is no line of ours. */
const LONGEST = 1024 * 1024
const NEWLINE = 0x0a

/** Undefined for a line that a power cut has torn, or that another program has written. */
const parseEvent = (line: string): Event | undefined => {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { time, type, action, id, attributes } = value as Partial<Record<keyof Event, unknown>>
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time)) || typeof action !== 'string' || typeof id !== 'string') return undefined
  if (!EVENT_TYPES.some((known) => known === type) || typeof attributes !== 'object' || attributes === null) return undefined
  if (!Object.values(attributes).every((one) => typeof one === 'string')) return undefined
  return value as Event
}

/** One file of the journal, read as it grows. */
class JournalFile {
  readonly fd: number
  readonly ino: number
  #offset: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(fd: number, offset: number) {
    this.fd = fd
    this.ino = fstatSync(fd).ino
    this.#offset = offset
  }

  /** The whole lines that have come. */
  *lines(): Generator<string, void, undefined> {
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK)
      const length = readSync(this.fd, chunk, 0, CHUNK, this.#offset)
      if (length === 0) return
      this.#offset += length
      let bytes = Buffer.concat([this.#rest, chunk.subarray(0, length)])
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
        if (end > 0) yield bytes.toString('utf8', 0, end)
        bytes = bytes.subarray(end + 1)
      }
      this.#rest = bytes.length > LONGEST ? Buffer.alloc(0) : Buffer.from(bytes)
    }
  }

  close(): void {
    closeSync(this.fd)
  }
}

const tryOpen = (path: string): number | undefined => {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** The oldest file, or the newest one from its end on. */
const openFirst = (root: string, past: boolean): JournalFile | undefined => {
  const files = journalFiles(root)
  for (const path of past ? files.toReversed() : files.slice(0, 1)) {
    const fd = tryOpen(path)
    if (fd !== undefined) return new JournalFile(fd, past ? 0 : fstatSync(fd).size)
  }
  return undefined
}

/** The file that followed on `file`; undefined while that is the newest. If it has gone, the oldest there is: some were missed. */
const openNext = (root: string, file: JournalFile): JournalFile | undefined => {
  for (;;) {
    const files = journalFiles(root)
    const at = files.findIndex((path) => statSync(path, { throwIfNoEntry: false })?.ino === file.ino)
    if (at === 0) return undefined
    if (at < 0) return openFirst(root, true)
    const fd = tryOpen(files[at - 1]!)
    // put away once more just now, or not made yet
    if (fd === undefined) return undefined
    const next = new JournalFile(fd, 0)
    if (statSync(files[at]!, { throwIfNoEntry: false })?.ino === file.ino) return next
    next.close()
  }
}

export interface ReadOptions {
  /** From the beginning; else what comes from now on. */
  readonly past: boolean
  /** Goes on until the signal is aborted. */
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** The exit status of the last run of a container that may be gone already; undefined where the journal does not have it. */
export const recordedExit = async (root: string, id: string): Promise<number | undefined> => {
  let status: number | undefined
  for await (const event of readEvents(root, { past: true, follow: false, signal: new AbortController().signal }))
    if (event.id === id && event.action === 'die' && event.type === 'container') status = Number(event.attributes['exitCode'])
  return status
}

/** Events in the order in which they were written down. */
export async function* readEvents(root: string, { past, follow, signal }: ReadOptions): AsyncGenerator<Event, void, undefined> {
  const watch = follow ? new FolderWatch(journalFolder(root)) : undefined
  if (watch !== undefined) signal.addEventListener('abort', watch.notify)
  let file = openFirst(root, past)
  /** Where there was none, all of the first one is new. */
  const begun = (): JournalFile | undefined => (file ??= openFirst(root, true))
  try {
    while (!signal.aborted) {
      const current = begun()
      const next = current === undefined ? undefined : openNext(root, current)
      // it was put away only when all who wrote to it were done: after `next` is known all of it is there
      for (const line of current?.lines() ?? []) {
        const event = parseEvent(line)
        if (event !== undefined) yield event
        if (signal.aborted) return
      }
      if (next !== undefined) {
        current!.close()
        file = next
      } else if (watch === undefined) return
      else await watch.change()
    }
  } finally {
    if (watch !== undefined) signal.removeEventListener('abort', watch.notify)
    watch?.close()
    file?.close()
  }
}
