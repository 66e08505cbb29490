/** The table of `image layers`: it fits the terminal, whatever its width. */
import type { LayerRow, LayersReport } from '../../image/inspect/report.ts'
import type { Count } from '../../image/inspect/summary.ts'
import { humanSize } from '../support/human.ts'
import { layerCommand } from '../support/layer-command.ts'
import { harmless } from '../support/listing.ts'
import { coloured } from '../support/progress/row.ts'
import type { Screen } from '../support/screen.ts'
import { shortId } from './image-names.ts'

interface Column {
  readonly title: string
  readonly right: boolean
  readonly cell: (row: LayerRow) => string
  readonly colour?: string
}

const WIDEST_BAR = 24
const NARROWEST_BAR = 6
const NARROWEST_COMMAND = 14
const COMMAND_BESIDE_BAR = 24
const GAP = 2

const BLOCKS = { kept: '█', wasted: '░', rest: ' ' }
const ASCII = { kept: '#', wasted: '.', rest: ' ' }

/** A layer beside the largest one: what of it the image shows, and what later layers take away. */
const layerBar = (row: LayerRow, largest: number, width: number, screen: Screen): string => {
  const marks = screen.unicode ? BLOCKS : ASCII
  const scale = largest === 0 ? 0 : width / largest
  const all = row.size === 0 ? 0 : Math.max(1, Math.round(row.size * scale))
  const wasted = row.size === 0 ? 0 : Math.round((row.wasted / row.size) * all)
  return (
    coloured(marks.kept.repeat(all - wasted), '36', screen) +
    coloured(marks.wasted.repeat(wasted), '31', screen) +
    marks.rest.repeat(width - all)
  )
}

const changes = (sign: string, { files, folders }: Count): string => (files + folders === 0 ? '' : `${sign}${files + folders}`)

const COLUMNS = {
  number: { title: '#', right: true, cell: ({ index }) => String(index + 1) },
  digest: { title: 'LAYER', right: false, cell: ({ diffID }) => shortId(diffID) },
  compressed: { title: 'PACKED', right: true, cell: ({ compressed }) => humanSize(compressed) },
  size: { title: 'SIZE', right: true, cell: ({ size }) => humanSize(size) },
  added: { title: 'ADDED', right: true, cell: ({ added }) => changes('+', added), colour: '32' },
  changed: { title: 'CHANGED', right: true, cell: ({ changed }) => changes('~', changed), colour: '33' },
  removed: { title: 'REMOVED', right: true, cell: ({ removed }) => changes('-', removed), colour: '31' },
} as const satisfies Readonly<Record<string, Column>>

type Name = keyof typeof COLUMNS

/** What is shown at what width: the first for which there is room. */
const CHOICES: readonly (readonly Name[])[] = [
  ['number', 'digest', 'compressed', 'size', 'added', 'changed', 'removed'],
  ['number', 'compressed', 'size', 'added', 'changed', 'removed'],
  ['number', 'size', 'added', 'changed', 'removed'],
  ['number', 'size'],
]

interface Cells {
  readonly column: Column
  readonly width: number
}

const cellsOf = (names: readonly Name[], rows: readonly LayerRow[]): readonly Cells[] =>
  names.map((name) => {
    const column: Column = COLUMNS[name]
    return { column, width: Math.max(column.title.length, ...rows.map((row) => column.cell(row).length)) }
  })

const cut = (text: string, width: number, unicode: boolean): string =>
  text.length <= width ? text.padEnd(width) : `${text.slice(0, Math.max(width - 1, 0))}${unicode ? '…' : '~'}`

const commandOf = ({ command }: LayerRow): string => (command === undefined || command === '' ? '-' : harmless(layerCommand(command)))

interface Room {
  readonly cells: readonly Cells[]
  readonly command: number
  readonly bar: number
}

/** Shared out between command and bar; undefined where there is too little for both. */
const withBar = (cells: readonly Cells[], wanted: number, left: number): Room | undefined => {
  const most = left - GAP - NARROWEST_BAR
  if (most < Math.min(wanted, COMMAND_BESIDE_BAR)) return undefined
  const command = Math.min(wanted, Math.max(left - GAP - WIDEST_BAR, Math.min(most, COMMAND_BESIDE_BAR)))
  return { cells, command, bar: Math.min(WIDEST_BAR, left - GAP - command) }
}

/** What fits: with a bar, if columns that say the same in numbers need not go for it. */
const roomFor = (layers: readonly LayerRow[], wanted: number, columns: number): Room => {
  const choices = CHOICES.map((names) => {
    const cells = cellsOf(names, layers)
    return { cells, left: columns - cells.reduce((sum, { width }) => sum + width + GAP, 0) }
  })
  for (const { cells, left } of choices.slice(0, -1)) {
    const room = withBar(cells, wanted, left)
    if (room !== undefined) return room
  }
  const { cells, left } = choices.find((choice) => choice.left >= NARROWEST_COMMAND) ?? choices.at(-1)!
  return { cells, command: Math.max(Math.min(left, wanted), 1), bar: 0 }
}

const padded = (text: string, { column, width }: Cells): string => (column.right ? text.padStart(width) : text.padEnd(width))

/** @param whole commands are not shortened */
export const layersTable = (layers: readonly LayerRow[], screen: Screen, whole: boolean): string => {
  const wanted = Math.max('COMMAND'.length, ...layers.map((row) => commandOf(row).length))
  const room = roomFor(layers, wanted, screen.columns)
  const { cells } = room
  const { command, bar } = whole ? { command: wanted, bar: WIDEST_BAR } : room
  const largest = Math.max(0, ...layers.map(({ size }) => size))
  const gap = ' '.repeat(GAP)
  const line = (head: string, text: string, tail: string): string =>
    `${head}${gap}${cut(text, command, screen.unicode)}${tail === '' ? '' : `${gap}${tail}`}`.trimEnd()
  const title = line(cells.map((cell) => padded(cell.column.title, cell)).join(gap), 'COMMAND', '')
  const lines = layers.map((row) => {
    const head = cells.map((cell) => {
      const text = padded(cell.column.cell(row), cell)
      return cell.column.colour === undefined ? text : coloured(text, cell.column.colour, screen)
    })
    return line(head.join(gap), commandOf(row), bar === 0 ? '' : layerBar(row, largest, bar, screen))
  })
  return [coloured(title, '1', screen), ...lines].map((text) => `${text}\n`).join('')
}

const percent = (fraction: number): string => `${(Math.floor(fraction * 1000) / 10).toFixed(1)} %`

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Full, and empty where nothing is left of it. */
const scoreBar = (fraction: number, screen: Screen): string => {
  const width = Math.min(WIDEST_BAR, Math.max(screen.columns - 24, 0))
  const filled = Math.round(fraction * width)
  const marks = screen.unicode ? BLOCKS : ASCII
  const colour = fraction >= 0.95 ? '32' : fraction >= 0.8 ? '33' : '31'
  return coloured(marks.kept.repeat(filled), colour, screen) + coloured(marks.wasted.repeat(width - filled), '2', screen)
}

export const layersTotals = ({ layers, compressed, size, visible, wasted, efficiency }: LayersReport, screen: Screen): string => {
  const share = size === 0 ? 0 : wasted / size
  const rows = [
    ['Layers', `${counted(layers.length, 'layer')}, ${humanSize(compressed)} packed, ${humanSize(size)} unpacked`],
    ['Image', `${humanSize(visible.bytes)} in ${counted(visible.files, 'file')} and ${counted(visible.folders, 'folder')}`],
    ['Wasted', `${humanSize(wasted)} (${percent(share)})`],
    ['Efficiency', `${percent(efficiency)}  ${scoreBar(efficiency, screen)}`],
  ] as const
  return rows.map(([name, text]) => `${`${name}:`.padEnd(12)}${text}\n`).join('')
}

export const layersText = (report: LayersReport, screen: Screen, whole: boolean): string =>
  `${layersTable(report.layers, screen, whole)}\n${layersTotals(report, screen)}`
