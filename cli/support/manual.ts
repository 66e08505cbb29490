/** Manual pages in man(7), made from the commands. */
import type { Command, Flags } from './flags.ts'
import { type DoorHelp, flagHelp, visible } from './help.ts'

/** Where the door names none: administration. */
const SECTION = 8

/** Text in which nothing means something to roff. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')

const paragraphs = (text: string): string => roff(text).replaceAll('\n\n', '\n.PP\n')

const sectionOf = (door: DoorHelp): number => door.section ?? SECTION

/** `wherry-image-layers` */
const pageName = (door: DoorHelp, name: string): string => `${door.name}-${name.replaceAll(' ', '-')}`

const header = (title: string, { version, section = SECTION }: DoorHelp): string =>
  `.TH ${roff(title.toUpperCase())} ${section} "" "wherry ${version}" "Wherry"\n`

const flagEntry = ([name, flag]: readonly [string, Flags[string]]): string => {
  const shown = `\\fI${roff(flag.value ?? 'value')}\\fR`
  const value = flag.type === 'boolean' ? '' : flag.type === 'optional' ? `[=${shown}]` : ` ${shown}`
  const short = flag.short === undefined ? '' : `, \\fB\\-${flag.short}\\fR${value}`
  return `.TP\n\\fB\\-\\-${roff(name)}\\fR${value}${short}\n${roff(flagHelp(flag))}\n`
}

const flagEntries = (flags: Flags): string => visible(Object.entries(flags)).map(flagEntry).join('')

const synopsis = <Context>(door: DoorHelp, command: Command<Context>, name: string): string =>
  `\\fB${roff(door.name)}\\fR [global options] \\fB${roff(name)}\\fR [options] ${roff(command.operands)}`

export const commandPage = <Context>(
  door: DoorHelp,
  command: Command<Context>,
): string => `${header(pageName(door, command.name), door)}.SH NAME
${roff(`${pageName(door, command.name)} - ${command.summary}`)}
.SH SYNOPSIS
${[command.name, ...(command.aliases ?? [])].map((name) => synopsis(door, command, name)).join('\n.br\n')}
.SH DESCRIPTION
${paragraphs(command.description)}
.SH OPTIONS
${flagEntries(command.flags)}.TP
\\fB\\-\\-help\\fR${Object.values(command.flags).some(({ short }) => short === 'h') ? '' : ', \\fB\\-h\\fR'}
show help
.SH EXIT STATUS
0 on success, where nothing else is said above; ${command.failure ?? 1} where the command fails.
.SH SEE ALSO
\\fB${roff(door.name)}\\fR(${sectionOf(door)})
`

export const doorPage = <Context>(door: DoorHelp, commands: readonly Command<Context>[]): string => {
  const shown = visible(commands.map((command) => [command.name, command] as const))
  return `${header(door.name, door)}.SH NAME
${roff(`${door.name} - ${door.summary}`)}
.SH SYNOPSIS
\\fB${roff(door.name)}\\fR [global options] \\fIcommand\\fR [options] [arguments...]
.SH DESCRIPTION
${paragraphs(door.description)}
.SH COMMANDS
${shown.map(([name, { summary }]) => `.TP\n\\fB${roff(pageName(door, name))}\\fR(${sectionOf(door)})\n${roff(summary)}\n`).join('')}.SH GLOBAL OPTIONS
${flagEntries(door.flags)}.TP
\\fB\\-\\-help\\fR, \\fB\\-h\\fR
show help
.TP
\\fB\\-\\-version\\fR, \\fB\\-v\\fR
print the version
`
}

/** All pages by file name. */
export const manual = <Context>(door: DoorHelp, commands: readonly Command<Context>[]): ReadonlyMap<string, string> =>
  new Map([
    [`${door.name}.${sectionOf(door)}`, doorPage(door, commands)],
    ...visible(commands.map((command) => [command.name, command] as const)).map(
      ([name, command]) => [`${pageName(door, name)}.${sectionOf(door)}`, commandPage(door, command)] as const,
    ),
  ])
