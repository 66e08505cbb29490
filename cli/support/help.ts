/** The help of a door and of its verbs, in the layout that runc’s has. */
import type { Command, Flag, Flags } from './flags.ts'

export interface DoorHelp {
  /** As the user calls it. */
  readonly name: string
  readonly summary: string
  readonly version: string
  /** Of the manual: 8 (administration) if absent. */
  readonly section?: number
  readonly description: string
  readonly flags: Flags
}

const ENDING: Readonly<Record<string, string>> = { list: ' (repeatable)', integers: ' (repeatable)' }

/** `--force, -f`, `--format value, -f value`. */
export const flagTitle = (name: string, flag: Flag): string => {
  const value = flag.type === 'boolean' ? '' : ` ${flag.value ?? 'value'}`
  return `--${name}${value}${flag.short === undefined ? '' : `, -${flag.short}${value}`}`
}

export const flagHelp = (flag: Flag): string => `${flag.help}${ENDING[flag.type] ?? ''}`

export const visible = <T extends { readonly hidden?: true }>(
  entries: readonly (readonly [string, T])[],
): readonly (readonly [string, T])[] => entries.filter(([, entry]) => entry.hidden === undefined)

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([title]) => title.length)) + 2
  return rows.map(([title, text]) => `   ${title.padEnd(width)}${text}\n`).join('')
}

const flagRows = (flags: Flags): (readonly [string, string])[] =>
  visible(Object.entries(flags)).map(([name, flag]) => [flagTitle(name, flag), flagHelp(flag)] as const)

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `   ${line}`))
    .join('\n')

const HELP_ROW = ['--help, -h', 'show help'] as const

export const commandHelp = <Context>(door: string, command: Command<Context>): string => `NAME:
   ${door} ${command.name} - ${command.summary}

USAGE:
   ${door} ${command.name} [options]${command.operands === '' ? '' : ` ${command.operands}`}

DESCRIPTION:
${indent(command.description)}

OPTIONS:
${columns([...flagRows(command.flags), HELP_ROW])}`

export const doorHelp = <Context>(door: DoorHelp, commands: readonly Command<Context>[]): string => `NAME:
   ${door.name} - ${door.summary}

USAGE:
   ${door.name} [global options] command [options] [arguments...]

VERSION:
   ${door.version}

DESCRIPTION:
${indent(door.description)}

COMMANDS:
${columns([
  ...visible(commands.map((command) => [command.name, command] as const)).map(([name, { summary }]) => [name, summary] as const),
  ['help, h', 'show the help of the program or of a command'] as const,
])}
GLOBAL OPTIONS:
${columns([...flagRows(door.flags), HELP_ROW, ['--version, -v', 'print the version']])}`
