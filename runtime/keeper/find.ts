/** Finds the file and the place in it where reading begins or goes on. */
import { SpoolCursor } from './cursor.ts'
import { listSpool } from './files.ts'
import { SPOOL } from './layout.ts'
import type { Position } from './position.ts'
import type { SpoolRecord } from './spool.ts'
import { sleep } from '../sleep.ts'
import { findTail } from './tail.ts'

export type From =
  | 'start'
  /** Only what comes from now on. */
  | 'end'
  /** The last lines of both streams together. */
  | { readonly tail: number }
  /** Records of this time or later; nanoseconds since the epoch. */
  | { readonly since: bigint }
  | { readonly position: Position }

/** What of a record is wanted; `position` is behind it. */
export type Accepts = (record: SpoolRecord, position: Position) => SpoolRecord | undefined

export interface Start {
  readonly cursor: SpoolCursor
  /** What was to be read first is not there any more. */
  readonly gap: boolean
  readonly accepts: Accepts
}

const everything: Accepts = (record) => record

/** The oldest file from `sequence` on. Undefined: there is none. */
const openOldest = async (folder: string, sequence: bigint, hold: boolean): Promise<SpoolCursor | undefined> => {
  for (;;) {
    const file = listSpool(folder).find(({ header }) => header.sequence >= sequence)
    if (file === undefined) return undefined
    const opened = await SpoolCursor.open(folder, file.name, hold)
    if (opened instanceof SpoolCursor) {
      if (opened.header.sequence >= sequence) return opened
      await opened.close()
    } else if (opened === 'leaving') await sleep(1)
  }
}

export interface Successor {
  readonly cursor: SpoolCursor
  /** There were others between them. */
  readonly lost: boolean
}

/** The file behind the cursor's; undefined where there is none yet. */
export const openNext = async (folder: string, { header }: SpoolCursor, hold: boolean): Promise<Successor | undefined> => {
  const wanted = header.sequence + 1n
  const opened = await SpoolCursor.open(folder, SPOOL.log(wanted % BigInt(header.slots)), hold)
  if (opened === 'absent') return undefined
  if (opened instanceof SpoolCursor) {
    const { id, sequence } = opened.header
    if (id === header.id && sequence === wanted) return { cursor: opened, lost: false }
    await opened.close()
    if (id !== header.id || sequence < wanted) return undefined
  }
  const later = await openOldest(folder, wanted, hold)
  return later === undefined ? undefined : { cursor: later, lost: later.header.sequence !== wanted }
}

const openTail = async (folder: string, lines: number, hold: boolean): Promise<Start | undefined> => {
  const tail = await findTail(folder, lines)
  if (tail === undefined) return undefined
  const cursor = await openOldest(folder, tail.position.sequence, hold)
  if (cursor === undefined) return undefined
  if (cursor.header.sequence === tail.position.sequence) await cursor.seek(tail.position.offset)
  return { cursor, gap: false, accepts: tail.accepts }
}

const openPosition = async (folder: string, { id, sequence, offset }: Position, hold: boolean): Promise<Start | undefined> => {
  const cursor = await openOldest(folder, sequence, hold)
  if (cursor?.header.id === id && cursor.header.sequence === sequence)
    return { cursor, gap: !(await cursor.seek(offset)), accepts: everything }
  await cursor?.close()
  const oldest = await openOldest(folder, 0n, hold)
  return oldest === undefined ? undefined : { cursor: oldest, gap: true, accepts: everything }
}

/** Undefined where there is no spool. */
export const openStart = async (folder: string, from: From, hold: boolean): Promise<Start | undefined> => {
  if (from === 'end') return openTail(folder, 0, hold)
  if (typeof from === 'object' && 'tail' in from) return openTail(folder, from.tail, hold)
  if (typeof from === 'object' && 'position' in from) return openPosition(folder, from.position, hold)
  const cursor = await openOldest(folder, 0n, hold)
  if (cursor === undefined) return undefined
  if (from === 'start') return { cursor, gap: false, accepts: everything }
  return { cursor, gap: false, accepts: (record) => (record.time >= from.since ? record : undefined) }
}
