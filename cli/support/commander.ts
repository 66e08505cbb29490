/**
 * Command lines as docker’s users write them, by commander: letters are bundled (`-it`), values follow after a blank, `=` or a letter at
 * once, booleans may have one too (`--rm=false`), `--` ends the flags.
 */
import { Command, CommanderError, Option } from 'commander'
import type { Flag, Flags, Values } from './flags.ts'
import { nearest } from './nearest.ts'
import { type ParsedLine, readValue, UsageError, type Value, WANTED } from './parse.ts'

const HELP: Flag = { type: 'boolean', help: 'show help' }

/** Whether the next argument is the value where none stands behind `=`. */
const takesNext = ({ type }: Flag): boolean => type !== 'boolean' && type !== 'optional'

const repeats = ({ type }: Flag): boolean => type === 'list' || type === 'integers'

/** One of ours as one of commander’s. Its value is kept under the long name as it is; `--no-x` is a flag like any other. */
class FlagOption extends Option {
  readonly #name: string
  /** What stood behind `=`, where commander looks for nothing. */
  #inline: string | undefined

  constructor(name: string, flag: Flag, see: string) {
    super(`${flag.short === undefined ? '' : `-${flag.short}, `}--${name}${takesNext(flag) ? ' <value>' : ''}`, flag.help)
    this.#name = name
    this.negate = false
    const read = (text: string | undefined, former: unknown): Value | Value[] => {
      const value = this.#read(flag, text, see)
      return repeats(flag) ? [...((former as Value[] | undefined) ?? []), value] : value
    }
    this.argParser(read as (text: string, former: unknown) => unknown)
    if (flag.conflicts !== undefined) this.conflicts([...flag.conflicts])
  }

  #read(flag: Flag, given: string | undefined, see: string): Value {
    const text = given ?? this.#inline ?? (flag.type === 'boolean' ? 'true' : '')
    this.#inline = undefined
    const wrong = (problem: string): UsageError => new UsageError(`--${this.#name}: ${JSON.stringify(text)} ${problem}${see}`)
    if (flag.choices !== undefined && !(flag.type === 'optional' && text === '') && !flag.choices.includes(text))
      throw wrong(`is none of ${flag.choices.join(', ')}`)
    const value = readValue(flag, text)
    if (value === undefined) throw wrong(`is not ${WANTED[flag.type]}`)
    return value
  }

  override attributeName(): string {
    return this.#name
  }

  /** Whether an argument is this flag. Commander asks for a whole argument first, and lets only flags that need a value have `=`. */
  is(argument: string): boolean {
    if (argument === this.long || argument === this.short) return true
    const equals = `--${this.#name}=`
    if (this.required || !argument.startsWith(equals)) return false
    this.#inline = argument.slice(equals.length)
    return true
  }
}

const UNKNOWN = 'commander.unknownOption'

const words = (error: CommanderError): string => error.message.replace(/^error: /, '').replaceAll(/\boption '(\S+?)( <value>)?'/g, '$1')

/** Whether a command line may have the flag: commander takes longer with a hundred options than a container to start. */
const mentioned = (argv: readonly string[]): ((name: string, flag: Flag) => boolean) => {
  const names = new Set<string>()
  const letters = new Set<string>()
  for (const arg of argv) {
    if (arg.startsWith('--')) names.add(arg.slice(2).replace(/=[\s\S]*$/, ''))
    else if (arg.startsWith('-')) for (const letter of arg.slice(1)) letters.add(letter)
  }
  return (name, { short }) => names.has(name) || (short !== undefined && letters.has(short))
}

/** As `parseLine` of parse.ts. `elsewhere` are flags that stand in another place of the line, which the message then says. */
export const parseFlags = <F extends Flags>(
  of: string,
  table: F,
  argv: readonly string[],
  leading: boolean,
  elsewhere: Flags = {},
): ParsedLine<F> => {
  const see = `: see ${of} --help`
  const shorts = Object.values(table).map(({ short }) => short)
  const command = new Command(of)
    .helpOption(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .argument('[arguments...]')
    .passThroughOptions(leading)
    .action(() => {})
  const meant = mentioned(argv)
  for (const [name, flag] of Object.entries(table)) if (meant(name, flag)) command.addOption(new FlagOption(name, flag, see))
  if (!('help' in table)) command.addOption(new FlagOption('help', shorts.includes('h') ? HELP : { ...HELP, short: 'h' }, see))
  try {
    command.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (command.opts()['help'] === true) return { flags: {}, args: [], help: true }
    const unknown = error.code === UNKNOWN ? /'(--?[^=']*)/.exec(error.message)?.[1] : undefined
    if (unknown === undefined) throw new UsageError(`${words(error)}${see}`)
    const name = unknown.replace(/^--?/, '')
    if (Object.hasOwn(elsewhere, name)) throw new UsageError(`${unknown} stands before the command: ${of.split(' ')[0]} ${unknown} …`)
    const guess = unknown.startsWith('--') ? nearest(name, Object.keys(table)) : undefined
    throw new UsageError(`unknown flag ${unknown}${guess === undefined ? '' : ` (did you mean --${guess}?)`}${see}`)
  }
  const { help, ...flags } = command.opts()
  return { flags: flags as Values<F>, args: command.args, help: help === true }
}
