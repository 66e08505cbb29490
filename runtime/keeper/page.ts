/** The keeper's page: what it tells of itself to whoever may read its run folder. */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PAGE_SIZE } from '../program/layout.ts'
import { Page } from '../program/page.ts'
import { errnoName } from '../sys/abi/errno.ts'
import { isErrno } from '../sys/error.ts'
import { EXIT, PAGE_MAGIC, PAGE_WORDS, PHASES, RUN } from './layout.ts'

export interface KeeperStatus {
  readonly pid: number
  /** Undefined before it exists, and where it never did. */
  readonly init: number | undefined
  readonly phase: keyof typeof PHASES
  /** `ENOSPC`: why the spool cannot be written; `EAGAIN`: a follower holds it; `EEXIST`: it is not consumed. */
  readonly blocked: string | undefined
}

/** Makes the page's file; returns a close-on-exec descriptor. */
export const makeKeeperPage = (run: string, content: Uint8Array): number => {
  const fd = openSync(join(run, RUN.page), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    writeSync(fd, content)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** The page's bytes; undefined where there is none of this version. */
export const readKeeperPage = (run: string): Buffer | undefined => {
  try {
    const bytes = readFileSync(join(run, RUN.page))
    return bytes.length >= PAGE_SIZE && bytes.readBigUInt64LE(PAGE_WORDS.magic) === PAGE_MAGIC ? bytes : undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

const PHASE_NAMES = Object.keys(PHASES) as (keyof typeof PHASES)[]

/** What the keeper of a run folder says of itself; that it has said so does not mean that it lives. Undefined where there was none. */
export const keeperStatus = (run: string): KeeperStatus | undefined => {
  const bytes = readKeeperPage(run)
  const page = bytes === undefined ? undefined : new Page(bytes)
  const phase = page === undefined ? undefined : PHASE_NAMES[page.word(PAGE_WORDS.phase)]
  if (page === undefined || phase === undefined) return undefined
  const init = page.word(PAGE_WORDS.exit + EXIT.pid)
  const blocked = page.word(PAGE_WORDS.blocked)
  return {
    pid: page.word(PAGE_WORDS.keeper),
    init: init === 0 ? undefined : init,
    phase,
    blocked: blocked === 0 ? undefined : errnoName(blocked),
  }
}
