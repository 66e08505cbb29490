/** Lists as docker prints them: a table, `--format json` (an object per line), `--format TEMPLATE`, `--format 'table TEMPLATE'`. */
import { print } from './output.ts'
import { table } from './table.ts'
import { goJson } from './template/go-text.ts'
import { compileTemplate, type Template, type Value } from './template/template.ts'

/** An element of a list: what templates and JSON show of it. */
export type Row = Readonly<Record<string, Value>>

export interface Listing {
  /** Titles by field: of all fields that templates may ask for. */
  readonly titles: Readonly<Record<string, string>>
  /** Fields of the usual table, in order. */
  readonly columns: readonly string[]
}

/** docker’s tabwriter. */
const WIDTH = 10
const GAP = 3

/** What would move the cursor, colour or turn around: what images and registries wrote comes to a terminal here. */
const STRANGE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Written out: `\x1b`, `\u202e`. */
export const harmless = (text: string): string =>
  text.replace(STRANGE, (unit) => {
    const code = unit.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })

const columned = (rows: readonly (readonly string[])[]): string =>
  table(
    rows.map((row) => row.map(harmless)),
    WIDTH,
    GAP,
  ).replace(/ +$/gm, '')

/** On a command line nobody writes a tab: `\t` and `\n` stand for themselves outside of `{{}}`. */
const unescaped = (format: string): string =>
  format
    .split(/(\{\{[\s\S]*?\}\})/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll('\\t', '\t').replaceAll('\\n', '\n')))
    .join('')

const same = (value: Value): Value => value

/** Titles stay what they are, whatever is done with the values. */
const TITLE_FUNCTIONS = Object.fromEntries(
  ['json', 'lower', 'upper', 'title', 'truncate', 'join', 'split', 'len'].map((name) => [name, same]),
)

const tableOf = (template: Template, rows: readonly Row[], { titles }: Listing): string =>
  columned(
    [template(titles, TITLE_FUNCTIONS), ...rows.map((row) => template(row))]
      .flatMap((lines) => lines.split('\n'))
      .map((line) => line.split('\t')),
  )

const TABLE = /^table(?:\s+([\s\S]*))?$/

/** @param format undefined: the usual table */
export const formatList = (rows: readonly Row[], listing: Listing, format: string | undefined): string => {
  if (format === 'json') return rows.map((row) => `${goJson(row)}\n`).join('')
  const [whole, wanted] = TABLE.exec(format === undefined || format === '' ? 'table' : format) ?? []
  if (whole !== undefined && (wanted === undefined || wanted === ''))
    return columned([
      listing.columns.map((name) => listing.titles[name]!),
      ...rows.map((row) => listing.columns.map((name) => String(row[name]))),
    ])
  const template = compileTemplate(unescaped(wanted ?? format!))
  if (wanted !== undefined) return tableOf(template, rows, listing)
  return rows.map((row) => `${template(row)}\n`).join('')
}

export const printList = (rows: readonly Row[], listing: Listing, format: string | undefined): void =>
  print(formatList(rows, listing, format))
