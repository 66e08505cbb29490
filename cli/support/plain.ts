/**
 * Reads the command lines that most are: commander, which takes as long as reading half of a container’s documents, is loaded for the
 * others. What is read here is read as commander.ts would, which a test compares; where it would complain, help or guess, it is asked.
 */
import type { Flag, Flags, Values } from './flags.ts'
import { type ParsedLine, readValue, type Value } from './parse.ts'

const repeats = ({ type }: Flag): boolean => type === 'list' || type === 'integers'

/** `--no-x` may be a flag like any other, and is none that is known by half. */
const LONG = /^--([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\s\S]*))?$/

/** Undefined where the line is for commander. */
export const parsePlain = <F extends Flags>(table: F, argv: readonly string[], leading: boolean): ParsedLine<F> | undefined => {
  const flags: Record<string, Value | Value[]> = {}
  const args: string[] = []
  const put = (name: string, flag: Flag, text: string): boolean => {
    if (flag.choices !== undefined && !flag.choices.includes(text)) return false
    const value = readValue(flag, text)
    if (value === undefined) return false
    if (repeats(flag)) flags[name] = [...((flags[name] as Value[] | undefined) ?? []), value]
    else flags[name] = value
    return true
  }
  /** The flag of a letter: those of a command are few enough to look through. */
  const lettered = (letter: string): string | undefined => {
    for (const name in table) if (table[name]!.short === letter) return name
    return undefined
  }
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index]!
    if (!arg.startsWith('-')) {
      args.push(arg)
      if (!leading) continue
      args.push(...argv.slice(index + 1))
      break
    }
    const [, name, inline] = LONG.exec(arg) ?? []
    if (name !== undefined) {
      if (!Object.hasOwn(table, name)) return undefined
      const flag = table[name]!
      const text = inline ?? (flag.type === 'boolean' ? 'true' : flag.type === 'optional' ? '' : argv[++index])
      if (text === undefined || !put(name, flag, text)) return undefined
      continue
    }
    if (!/^-[A-Za-z]+$/.test(arg)) return undefined
    for (let at = 1; at < arg.length; at++) {
      const long = lettered(arg[at]!)
      if (long === undefined) return undefined
      const flag = table[long]!
      const last = at === arg.length - 1
      // a letter’s value behind it at once is for commander
      if (flag.type === 'optional' || (flag.type !== 'boolean' && !last)) return undefined
      const text = flag.type === 'boolean' ? 'true' : argv[++index]
      if (text === undefined || !put(long, flag, text)) return undefined
    }
  }
  const given = Object.keys(flags)
  if (given.some((name) => table[name]!.conflicts?.some((other) => given.includes(other)))) return undefined
  return { flags: flags as Values<F>, args, help: false }
}
