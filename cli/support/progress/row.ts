/** One thing that takes its time, and how it stands on one line of a terminal. */
import { humanSize } from '../human.ts'

export type Phase = 'waiting' | 'active' | 'done' | 'failed'

export interface ProgressRow {
  /** What it is: the short id of a layer. */
  readonly label: string
  /** What is done with it, in a word or two: `downloading`. */
  readonly state: string
  readonly phase: Phase
  /** Bytes; undefined where it has none. */
  readonly done?: number
  readonly total?: number
}

export interface Look {
  readonly columns: number
  readonly colour: boolean
  /** The terminal shows more than ASCII. */
  readonly unicode: boolean
}

const COLOURS: Readonly<Record<Phase, string>> = { waiting: '2', active: '36', done: '32', failed: '31' }

export const coloured = (text: string, code: string, { colour }: Pick<Look, 'colour'>): string =>
  colour && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text

const WIDEST_BAR = 40
const NARROWEST_BAR = 8
const STATE = 11
const NUMBERS = 15
const SPEED = 9

const HALVES = { full: '━', half: '╸', rest: '─' }
const ASCII = { full: '=', half: '>', rest: '-' }

/** `fraction` of 0…1 as a bar of `width` characters. */
export const bar = (fraction: number, width: number, look: Pick<Look, 'colour' | 'unicode'>): string => {
  const { full, half, rest } = look.unicode ? HALVES : ASCII
  const halves = Math.round(Math.min(Math.max(fraction, 0), 1) * width * 2)
  const filled = full.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? half : '')
  const empty = rest.repeat(width - filled.length)
  return coloured(filled, '36', look) + coloured(empty, '2', look)
}

const numbersOf = ({ phase, done, total }: ProgressRow): string => {
  if (done === undefined || phase === 'waiting') return total === undefined ? '' : humanSize(total)
  return total === undefined || done >= total ? humanSize(done) : `${humanSize(done)}/${humanSize(total)}`
}

const percent = ({ done, total }: ProgressRow): string =>
  done === undefined || total === undefined || total === 0 ? '' : `${Math.floor((Math.min(done, total) / total) * 100)}%`

const cut = (text: string, columns: number, unicode: boolean): string => {
  if (text.length <= columns) return text
  return columns < 2 ? text.slice(0, Math.max(columns, 0)) : `${text.slice(0, columns - 1)}${unicode ? '…' : '~'}`
}

/**
 * The line of a row; what there is no room for is left out: first the bar, then the speed, then the bytes, of which the percentage stays.
 * @param speed bytes a second
 */
export const progressLine = (row: ProgressRow, speed: number | undefined, labels: number, look: Look): string => {
  const { columns, unicode } = look
  const label = row.label.padEnd(labels)
  const state = row.state.padEnd(STATE)
  const active = row.phase === 'active'
  const numbers = numbersOf(row)
  const rate = active && speed !== undefined ? `${humanSize(speed)}/s` : ''
  const head = label.length + 1 + state.length
  const paint = (text: string): string => coloured(text, COLOURS[row.phase], look)
  const room = columns - head - 2 - NUMBERS - 2 - SPEED - 2
  if (room >= NARROWEST_BAR && active && row.total !== undefined && row.done !== undefined) {
    const width = Math.min(room, WIDEST_BAR)
    return `${label} ${paint(state)}  ${bar(row.total === 0 ? 1 : row.done / row.total, width, look)}  ${numbers.padStart(NUMBERS)}  ${rate.padStart(SPEED)}`.trimEnd()
  }
  const shown = [numbers, active ? rate : ''].filter((text) => text !== '')
  const fits = (parts: readonly string[]): boolean => head + parts.reduce((sum, part) => sum + part.length + 2, 0) <= columns
  const parts = [shown, shown.slice(0, 1), [percent(row)].filter((text) => text !== ''), []].find(fits)
  if (parts === undefined) return cut(`${row.label} ${row.state}`, columns, unicode)
  return `${label} ${paint(state)}${parts.map((part) => `  ${part}`).join('')}`.trimEnd()
}
