/** All rows in as many lines as the terminal has: when there are too many, those that move are shown and the others counted. */
import { humanDuration, humanSize } from '../human.ts'
import { coloured, type Look, type Phase, type ProgressRow, progressLine } from './row.ts'

export interface Moving extends ProgressRow {
  /** Bytes a second. */
  readonly speed?: number
}

export interface FrameLook extends Look {
  readonly lines: number
}

/** Lines left to what the user has above. */
const SPARED = 2

const ORDER: readonly Phase[] = ['failed', 'active', 'waiting', 'done']

const countOf = (rows: readonly Moving[], look: FrameLook): string => {
  const parts = ORDER.map((phase) => [phase, rows.filter((row) => row.phase === phase).length] as const)
    .filter(([, count]) => count > 0)
    .map(([phase, count]) => `${count} ${phase}`)
  return coloured(`${look.unicode ? '…' : '...'} ${parts.join(', ')}`.slice(0, look.columns), '2', look)
}

/** Which rows to show, in their order. */
const chosen = (rows: readonly Moving[], room: number): ReadonlySet<Moving> => {
  const byNeed = rows
    .map((row, index) => ({ row, index }))
    .sort((a, b) => ORDER.indexOf(a.row.phase) - ORDER.indexOf(b.row.phase) || a.index - b.index)
  return new Set(byNeed.slice(0, Math.max(room, 0)).map(({ row }) => row))
}

export const frame = (rows: readonly Moving[], look: FrameLook): readonly string[] => {
  const labels = Math.max(0, ...rows.map(({ label }) => label.length))
  const line = (row: Moving): string => progressLine(row, row.speed, labels, look)
  const room = Math.max(look.lines - SPARED, 1)
  if (rows.length <= room) return rows.map(line)
  const shown = chosen(rows, room - 1)
  return [
    ...rows.filter((row) => shown.has(row)).map(line),
    countOf(
      rows.filter((row) => !shown.has(row)),
      look,
    ),
  ]
}

/** `12.3MB in 4 seconds, 3.1MB/s`: of all rows, at the end. */
export const totals = (bytes: number, milliseconds: number): string =>
  `${humanSize(bytes)} in ${milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : humanDuration(milliseconds)}${milliseconds < 1 ? '' : `, ${humanSize(bytes / (milliseconds / 1000))}/s`}`
