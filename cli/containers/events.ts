/**
 * What happens to containers, for `wherry events`: one line of JSON each in <root>/events/journal, which survives the boot. A full journal becomes
 * journal.1, and so on: who follows it finds each line. Appending needs no lock that another writer could hold, only one that keeps
 * the file from being put away meanwhile.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { LOCK_EX, LOCK_NB, LOCK_SH } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno, SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import type { ContainerConfig } from './config.ts'
import type { Home } from './home.ts'
import { timeNow } from './times.ts'

/** docker’s words; those with a colon say more behind it: `health_status: healthy`, `exec_start: sh -c true`. */
export type ContainerAction =
  | 'attach'
  | 'commit'
  | 'create'
  | 'destroy'
  | 'detach'
  | 'die'
  | 'exec_detach'
  | 'exec_die'
  | `exec_start: ${string}`
  | 'export'
  | `health_status: ${string}`
  | 'kill'
  | 'oom'
  | 'pause'
  | 'rename'
  | 'restart'
  | 'start'
  | 'stop'
  | 'unpause'
  | 'update'

export const EVENT_TYPES = ['container', 'image', 'network', 'volume'] as const

/** A line of the journal. */
export interface Event {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string
  readonly type: (typeof EVENT_TYPES)[number]
  readonly action: string
  /** Id of a container, name of a volume or network. */
  readonly id: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Bytes of a journal that is put away, and how many are kept besides the one that is written. */
const FULL = 4 * 1024 * 1024
const KEPT = 4
/** Characters of one attribute, and of all: labels are images’, and may be of any length. */
const LONGEST_ATTRIBUTE = 4096
const LONGEST = 32 * 1024
const NEWLINE = 0x0a

export const journalFolder = (root: string): string => `${root}/events`

/** The newest first. */
export const journalFiles = (root: string): string[] =>
  ['journal', ...Array.from({ length: KEPT }, (_, index) => `journal.${index + 1}`)].map((name) => `${journalFolder(root)}/${name}`)

const openJournal = (path: string): number =>
  openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600)

const lockJournal = (fd: number, how: number): boolean => {
  for (;;) {
    const result = trySyscall('flock', fd, how)
    // a file system without locks has one writer, or none that matters
    if (result === 0 || result === -ERRNO.ENOLCK || result === -ERRNO.ENOTSUP) return true
    if (result === -ERRNO.EAGAIN) return false
    if (result !== -ERRNO.EINTR) throw new SyscallError('flock', -result, { args: ['journal'] })
  }
}

/** The journal, which is not put away before it is closed. */
const holdJournal = (root: string): number => {
  const path = journalFiles(root)[0]!
  for (;;) {
    let fd: number
    try {
      fd = openJournal(path)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
      mkdirSync(journalFolder(root), { recursive: true, mode: 0o700 })
      continue
    }
    lockJournal(fd, LOCK_SH)
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd
    closeSync(fd)
  }
}

/** Makes room for a new one, unless somebody else is writing or does it: then the next one does it. */
const putAway = (root: string, fd: number): void => {
  if (!lockJournal(fd, LOCK_EX | LOCK_NB)) return
  const files = journalFiles(root)
  // changing a lock from shared to exclusive lets it go for a moment
  if (statSync(files[0]!, { throwIfNoEntry: false })?.ino !== fstatSync(fd).ino) return
  for (let index = files.length - 1; index > 0; index--) {
    try {
      renameSync(files[index - 1]!, files[index]!)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
}

/** What a power cut or a full disk has left ends where the next line begins. */
const isTorn = (fd: number, size: number): boolean => {
  if (size === 0) return false
  const last = Buffer.alloc(1)
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE
}

export const appendEvent = (root: string, event: Event): void => {
  const fd = holdJournal(root)
  try {
    const { size } = fstatSync(fd)
    // one write(2): lines of several processes do not mix
    const line = Buffer.from(`${isTorn(fd, size) ? '\n' : ''}${JSON.stringify(event)}\n`)
    const written = writeSync(fd, line)
    if (written < line.length) writeSync(fd, line.subarray(written))
    if (size + line.length >= FULL) putAway(root, fd)
  } finally {
    closeSync(fd)
  }
}

const bounded = (attributes: Readonly<Record<string, string>>): Record<string, string> => {
  const kept: Record<string, string> = {}
  let left = LONGEST
  for (const [name, value] of Object.entries(attributes)) {
    left -= name.length + Math.min(value.length, LONGEST_ATTRIBUTE)
    if (left < 0 || name.length > LONGEST_ATTRIBUTE) continue
    Object.defineProperty(kept, name, { value: value.slice(0, LONGEST_ATTRIBUTE), enumerable: true, configurable: true, writable: true })
  }
  return kept
}

/** What keeps a disk from being written is told, and keeps nothing else from being done. */
const UNWRITABLE = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG']

export const emit = (
  { root, warn }: Pick<Home, 'root'> & Partial<Pick<Home, 'warn'>>,
  action: ContainerAction,
  { id, name, image, labels }: Pick<ContainerConfig, 'id' | 'name' | 'image' | 'labels'>,
  attributes: Readonly<Record<string, string>> = {},
): void => {
  // ours come first: they are kept where there is not room for all
  const own = { name, ...(image === undefined ? {} : { image: image.name }), ...attributes }
  const others = Object.entries(labels).filter(([key]) => !Object.hasOwn(own, key))
  try {
    appendEvent(root, {
      time: timeNow(),
      type: 'container',
      action,
      id,
      attributes: bounded({ ...own, ...Object.fromEntries(others) }),
    })
  } catch (error) {
    if (!isErrno(error, ...UNWRITABLE)) throw error
    warn?.(`event ${action} of container ${name} could not be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}
