/** Where the last lines of a spool begin. Lines of the two streams are counted together, in the order in which they began. */
import { SpoolCursor } from './cursor.ts'
import { listSpool } from './files.ts'
import type { Position } from './position.ts'
import type { SpoolRecord, Stream } from './spool.ts'

const NEWLINE = 0x0a

export interface Tail {
  /** Where to begin to read. */
  readonly position: Position
  /** What of a record belongs to the last lines. */
  readonly accepts: (record: SpoolRecord, position: Position) => SpoolRecord | undefined
}

/** The beginning of a line: in the payload of the record that ends at `end`. */
interface LineStart {
  readonly stream: Stream
  /** Where the record begins, and ends. */
  readonly begin: Position
  readonly end: Position
  readonly skip: number
}

const isBefore = (a: Position, b: Position): boolean => (a.sequence === b.sequence ? a.offset < b.offset : a.sequence < b.sequence)

const newlinesOf = (payload: Buffer): number => {
  let count = 0
  for (let at = payload.indexOf(NEWLINE); at >= 0; at = payload.indexOf(NEWLINE, at + 1)) count += 1
  return count
}

/** Every record from the cursor's place to the end of its file. */
async function* recordsOf(cursor: SpoolCursor): AsyncGenerator<{ record: SpoolRecord; begin: Position; end: Position }, void, undefined> {
  for (;;) {
    const begin = cursor.position
    const item = await cursor.next()
    if (item.kind !== 'record') return
    yield { record: item.record, begin, end: cursor.position }
  }
}

const withFile = async <T>(folder: string, name: string, use: (cursor: SpoolCursor) => Promise<T>): Promise<T | undefined> => {
  const cursor = await SpoolCursor.open(folder, name, false)
  if (!(cursor instanceof SpoolCursor)) return undefined
  try {
    return await use(cursor)
  } finally {
    await cursor.close()
  }
}

/** The files that have the last `lines` lines: from the newest on until there are more line ends than that. */
const filesOf = async (folder: string, lines: number): Promise<string[]> => {
  const names: string[] = []
  let count = 0
  for (const { name } of listSpool(folder).reverse()) {
    names.unshift(name)
    if (lines === 0) break
    await withFile(folder, name, async (cursor) => {
      for await (const { record } of recordsOf(cursor)) count += newlinesOf(record.payload)
    })
    if (count > lines) break
  }
  return names
}

/** Undefined where there is no spool. A line whose beginning is no longer there begins where it is first seen. */
export const findTail = async (folder: string, lines: number): Promise<Tail | undefined> => {
  let end: Position | undefined
  let starts: LineStart[] = []
  const midLine = new Set<Stream>()
  for (const name of await filesOf(folder, lines)) {
    await withFile(folder, name, async (cursor) => {
      for await (const { record, begin, end: behind } of recordsOf(cursor)) {
        const { stream, payload } = record
        if (!midLine.has(stream)) starts.push({ stream, begin, end: behind, skip: 0 })
        for (let at = payload.indexOf(NEWLINE) + 1; at > 0 && at < payload.length; at = payload.indexOf(NEWLINE, at) + 1)
          starts.push({ stream, begin, end: behind, skip: at })
        if (payload.at(-1) === NEWLINE) midLine.delete(stream)
        else midLine.add(stream)
        if (starts.length > 2 * lines + 4096) starts = starts.slice(starts.length - lines)
      }
      end = cursor.position
    })
  }
  return end === undefined ? undefined : tailFrom(starts.slice(Math.max(starts.length - lines, 0)), end)
}

const tailFrom = (starts: readonly LineStart[], end: Position): Tail => {
  const first = new Map<Stream, LineStart>()
  for (const start of starts) if (!first.has(start.stream)) first.set(start.stream, start)
  return {
    position: starts[0]?.begin ?? end,
    accepts: (record, position) => {
      if (isBefore(end, position)) return record
      const start = first.get(record.stream)
      if (start === undefined || isBefore(position, start.end)) return undefined
      return isBefore(start.end, position) ? record : { ...record, payload: record.payload.subarray(start.skip) }
    },
  }
}
