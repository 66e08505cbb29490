/** Help in the layout that docker’s users know. */
import type { Command, Flag, Flags } from './flags.ts'
import { type DoorHelp, flagHelp, visible } from './help.ts'

type Row = readonly [title: string, text: string]

/** Lines of at most `width` characters, broken at blanks where there are any. Empty lines part paragraphs; other ends of lines are blanks. */
export const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = []
  for (const [index, paragraph] of text.split('\n\n').entries()) {
    if (index > 0) lines.push('')
    let line = ''
    for (const word of paragraph.split(/\s/)) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(line)
  }
  return lines
}

const NARROWEST = 24

/** Two columns; where the second would be too narrow, the texts stand below the titles. */
const columns = (rows: readonly Row[], width: number): string => {
  const left = Math.max(...rows.map(([title]) => title.length)) + 2
  const below = width - left - 2 < NARROWEST
  const indent = ' '.repeat(below ? 6 : left + 2)
  return rows
    .map(([title, text]) => {
      const lines = wrap(text, width - indent.length)
      if (below) return `  ${title}\n${lines.map((line) => `${indent}${line}\n`).join('')}`
      return `  ${title.padEnd(left)}${lines.join(`\n${indent}`)}\n`
    })
    .join('')
}

/** `-f, --filter FILTER`, with the place of the letter kept free where there is none. */
const title = (name: string, flag: Flag): string => {
  const value = flag.type === 'boolean' ? '' : flag.type === 'optional' ? `[=${flag.value ?? 'VALUE'}]` : ` ${flag.value ?? 'VALUE'}`
  return `${flag.short === undefined ? '   ' : `-${flag.short},`} --${name}${value}`
}

const flagRows = (flags: Flags): readonly Row[] => visible(Object.entries(flags)).map(([name, flag]) => [title(name, flag), flagHelp(flag)])

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

const section = (name: string, rows: readonly Row[], width: number): string =>
  rows.length === 0 ? '' : `\n${name}:\n${columns(rows, width)}`

export const commandUsage = <Context>(door: string, command: Command<Context>, width: number): string => {
  const { name, aliases = [], summary, operands, description, flags } = command
  const usage = `Usage:  ${door} ${name}${Object.keys(flags).length === 0 ? '' : ' [OPTIONS]'}${operands === '' ? '' : ` ${operands}`}`
  const also = aliases.length === 0 ? '' : `\nAliases:\n  ${[name, ...aliases].map((alias) => `${door} ${alias}`).join(', ')}\n`
  return `${usage}\n\n${sentence(summary)}\n\n${wrap(description, width).join('\n')}\n${also}${section('Options', flagRows(flags), width)}`
}

interface Listed {
  readonly spelling: string
  readonly summary: string
}

/** What the group’s help lists: second words. */
export const groupUsage = (door: string, group: string, listed: readonly Listed[], width: number): string =>
  `Usage:  ${door} ${group} COMMAND\n${section(
    'Commands',
    listed
      .map(({ spelling, summary }) => [spelling.slice(group.length + 1), sentence(summary)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    width,
  )}\nRun '${door} ${group} COMMAND --help' for more about a command.\n`

export const doorUsage = <Context>(
  door: DoorHelp,
  commands: readonly Command<Context>[],
  groups: Iterable<string>,
  width: number,
): string => {
  const shown = visible(commands.map((command) => [command.name, command] as const)).filter(([name]) => !name.includes(' '))
  const headings = [...new Set(shown.map(([, { heading }]) => heading ?? 'Other commands'))]
  const sections = headings.map((heading) =>
    section(
      heading,
      shown
        .filter(([, command]) => (command.heading ?? 'Other commands') === heading)
        .map(([name, { summary }]) => [name, sentence(summary)] as const),
      width,
    ),
  )
  const rows = [...groups].sort().map((group) => [group, `Commands of ${group}: see ${door.name} ${group} --help`] as const)
  return `Usage:  ${door.name} [OPTIONS] COMMAND

${wrap(door.description, width).join('\n')}
${sections.join('')}${section('Groups', rows, width)}${section('Global options', flagRows(door.flags), width)}
Run '${door.name} COMMAND --help' for more about a command.
`
}
