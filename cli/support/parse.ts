/**
 * Reads command lines as the runtimes’ callers write them: `--flag value`, `--flag=value`, and long names after a single dash
 * too (`-flag value`); `--` ends the flags. A flag that takes a value takes the next argument, whatever it looks like.
 */
import { WherryError } from '../../runtime/errors.ts'
import { parseDuration } from './duration.ts'
import type { Flag, Flags, Values } from './flags.ts'
import { nearest } from './nearest.ts'
import { parseSize } from './size.ts'

/** The command line is wrong; the message ends with where to read about it. */
export class UsageError extends WherryError {
  constructor(problem: string) {
    super('invalid-argument', problem)
  }
}

export interface ParsedLine<F extends Flags> {
  readonly flags: Values<F>
  readonly args: readonly string[]
  /** `-h` or `--help` is among the flags; then nothing else is checked. */
  readonly help: boolean
}

export type Value = string | number | boolean

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

const integer = (text: string): number | undefined => {
  const [, sign = '', digits = ''] = /^([+-]?)(\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.exec(text) ?? []
  const number = Number(digits === '' ? Number.NaN : digits)
  return Number.isSafeInteger(number) ? (sign === '-' ? -number : number) : undefined
}

/** What a value of the type is, for messages. */
export const WANTED: Readonly<Record<string, string>> = {
  boolean: 'true or false',
  integer: 'a whole number',
  integers: 'a whole number',
  duration: 'a duration like 500ms or 5s',
  size: 'a size like 64k or 1.5g',
}

/** The value as its type wants it, undefined where it is none. */
export const readValue = ({ type }: Pick<Flag, 'type'>, text: string): Value | undefined => {
  if (type === 'boolean') return TRUE.has(text) ? true : FALSE.has(text) ? false : undefined
  if (type === 'integer' || type === 'integers') return integer(text)
  if (type === 'duration') return parseDuration(text)
  if (type === 'size') {
    const size = Number(parseSize(text) ?? Number.NaN)
    return Number.isSafeInteger(size) ? size : undefined
  }
  return text
}

/**
 * Splits `argv` into flags and arguments; `of` names what they belong to in messages: `wherry-oci exec`. With `leading`, the
 * first positional argument ends the flags.
 */
export const parseLine = <F extends Flags>(of: string, table: F, argv: readonly string[], leading: boolean): ParsedLine<F> => {
  const byName = new Map<string, readonly [string, Flag]>()
  for (const entry of Object.entries(table)) {
    byName.set(entry[0], entry)
    if (entry[1].short !== undefined) byName.set(entry[1].short, entry)
  }
  const see = `: see ${of} --help`
  const flags: Record<string, Value | Value[]> = {}
  const args: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index]!
    if (arg === '--') {
      args.push(...argv.slice(index + 1))
      break
    }
    if (arg === '-' || !arg.startsWith('-')) {
      args.push(arg)
      if (!leading) continue
      args.push(...argv.slice(index + 1))
      break
    }
    const [, shown = arg, name = '', inline] = /^(--?([^=]*))(?:=([\s\S]*))?$/.exec(arg) ?? []
    const entry = byName.get(name)
    if (entry === undefined) {
      if (name === 'help' || name === 'h') return { flags: {}, args: [], help: true }
      const guess = nearest(name, byName.keys())
      throw new UsageError(`unknown flag ${shown}${guess === undefined ? '' : ` (did you mean --${byName.get(guess)![0]}?)`}${see}`)
    }
    const [long, flag] = entry
    const text = inline ?? (flag.type === 'boolean' ? 'true' : argv[++index])
    if (text === undefined) throw new UsageError(`${shown} needs a value${see}`)
    const value = readValue(flag, text)
    if (value === undefined) throw new UsageError(`${shown}: ${JSON.stringify(text)} is not ${WANTED[flag.type]}${see}`)
    if (flag.type !== 'list' && flag.type !== 'integers') flags[long] = value
    else flags[long] = [...((flags[long] as Value[] | undefined) ?? []), value]
  }
  return { flags: flags as Values<F>, args, help: false }
}

/** Refuses a number of positional arguments that the command does not take. */
export const checkCount = (of: string, args: readonly string[], [least, most]: readonly [number, number]): void => {
  if (args.length >= least && args.length <= most) return
  const wanted =
    least === most
      ? `exactly ${least} argument${least === 1 ? '' : 's'}`
      : args.length < least
        ? `at least ${least} argument${least === 1 ? '' : 's'}`
        : `at most ${most} arguments`
  throw new UsageError(`${of} takes ${wanted}, not ${args.length}: see ${of} --help`)
}
