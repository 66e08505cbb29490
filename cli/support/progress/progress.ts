/** Progress on stderr: lines that change on a terminal, else a line for each new state. */
import { complain } from '../output.ts'
import { frame, type FrameLook } from './frame.ts'
import type { ProgressRow } from './row.ts'
import { Speed } from './speed.ts'

export type { Phase, ProgressRow } from './row.ts'

export interface Progress {
  /** Shows it, or what has changed about it. Rows keep the order in which they came. */
  set(key: string, row: ProgressRow): void
  /** A line that stays, above the rows; after the end, below them. */
  note(text: string): void
  /** Leaves the rows as they are. Idempotent. */
  end(): void
}

const INTERVAL_MS = 100

export interface Screen {
  write(text: string): void
  /** As it is now: terminals change their size. */
  look(): FrameLook
}

/** What escape sequences leave. */
const visibleLength = (line: string): number => line.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '').length

// DECAWM: a line that the terminal has become too narrow for is cut off and does not take two
const NO_WRAP = '\x1b[?7l'
const WRAP = '\x1b[?7h'

class TerminalProgress implements Progress {
  readonly #screen: Screen
  readonly #rows = new Map<string, ProgressRow>()
  readonly #speeds = new Map<string, Speed>()
  #timer: NodeJS.Timeout | undefined
  #drawn: readonly string[] = []
  #dirty = false

  constructor(screen: Screen) {
    this.#screen = screen
  }

  set(key: string, row: ProgressRow): void {
    this.#rows.set(key, row)
    if (row.done !== undefined) {
      const speed = this.#speeds.get(key) ?? new Speed()
      this.#speeds.set(key, speed)
      speed.add(row.done, performance.now())
    }
    this.#dirty = true
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => {
      if (this.#dirty) this.#draw('')
    }, INTERVAL_MS)
    this.#timer.unref()
    this.#draw('')
  }

  note(text: string): void {
    if (this.#rows.size === 0) this.#screen.write(`${text}\n`)
    else this.#draw(`${text}\n`)
  }

  /** Lines that the last frame takes on a terminal that may have another width by now. */
  #height(columns: number): number {
    return this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visibleLength(line) / Math.max(columns, 1))), 0)
  }

  #draw(above: string): void {
    const look = this.#screen.look()
    const up = this.#height(look.columns)
    const now = performance.now()
    const rows = [...this.#rows].map(([key, row]) => {
      const speed = row.done === undefined ? undefined : this.#speeds.get(key)?.at(row.done, now)
      return speed === undefined ? row : { ...row, speed }
    })
    this.#drawn = frame(rows, look)
    this.#dirty = false
    const back = up === 0 ? '' : `\x1b[${up}A\r\x1b[J`
    this.#screen.write(`${NO_WRAP}${back}${above}${this.#drawn.map((line) => `${line}\n`).join('')}${WRAP}`)
  }

  end(): void {
    if (this.#timer !== undefined) clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#dirty) this.#draw('')
    // what comes now stands below
    this.#rows.clear()
    this.#drawn = []
  }
}

class PlainProgress implements Progress {
  readonly #write: (text: string) => void
  readonly #states = new Map<string, string>()

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  set(key: string, { label, state, phase }: ProgressRow): void {
    if (phase === 'waiting' || this.#states.get(key) === state) return
    this.#states.set(key, state)
    this.#write(`${label}: ${state}\n`)
  }

  note(text: string): void {
    this.#write(`${text}\n`)
  }

  end(): void {}
}

const SILENT: Progress = { set: () => {}, note: () => {}, end: () => {} }

const USUAL_COLUMNS = 80
const USUAL_LINES = 24

/** setlocale(3): the first of these that has a value. */
export const speaksUnicode = (env: NodeJS.ProcessEnv): boolean => /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '')

/** NO_COLOR (no-color.org): any value. */
export const wantsColour = (env: NodeJS.ProcessEnv): boolean => (env['NO_COLOR'] ?? '') === ''

export interface ProgressOptions {
  readonly quiet?: boolean
  readonly env: NodeJS.ProcessEnv
}

export const terminalProgress = (screen: Screen): Progress => new TerminalProgress(screen)
export const plainProgress = (write: (text: string) => void): Progress => new PlainProgress(write)

export const openProgress = ({ quiet, env }: ProgressOptions): Progress => {
  if (quiet) return SILENT
  const { stderr } = process
  if (stderr.isTTY !== true || env['TERM'] === 'dumb') return plainProgress(complain)
  return terminalProgress({
    write: complain,
    look: () => ({
      columns: stderr.columns || USUAL_COLUMNS,
      lines: stderr.rows || USUAL_LINES,
      colour: wantsColour(env),
      unicode: speaksUnicode(env),
    }),
  })
}
