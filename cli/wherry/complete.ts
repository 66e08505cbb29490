/** What `__complete` offers; completion-shells.ts says how it is asked. */
import type { Command, Flag, Flags } from '../support/flags.ts'
import { visible } from '../support/help.ts'
import { findVerb, groupsOf, type Verbs } from './commands.ts'
import type { Context } from './context.ts'
import { GLOBALS } from './settings.ts'

export interface Candidate {
  readonly value: string
  readonly description?: string
}

export interface Offer {
  readonly candidates: readonly Candidate[]
  readonly also: 'words' | 'files' | 'dirs'
}

/** Names of things of a kind, which operands and values of flags are called by in definitions: `IMAGE`. */
export type Names = (kind: string) => Promise<readonly string[]>

const NOTHING: Offer = { candidates: [], also: 'words' }

const KINDS: Readonly<Record<string, Offer['also']>> = { DIR: 'dirs', FILE: 'files', ARCHIVE: 'files', PATH: 'files' }

/** `IMAGE`, `IMAGE[:TAG]`, `[IMAGE...]` → `IMAGE` */
const kindOf = (operand: string): string => /[A-Z][A-Z-]*/.exec(operand)?.[0] ?? ''

const ofKind = async (kind: string, names: Names): Promise<Offer> => {
  const also = KINDS[kind]
  return also === undefined ? { candidates: (await names(kind)).map((value) => ({ value })), also: 'words' } : { candidates: [], also }
}

const valuesOf = async (flag: Flag, names: Names, prefix = ''): Promise<Offer> => {
  const { candidates, also } =
    flag.choices !== undefined
      ? { candidates: flag.choices.map((value) => ({ value })), also: 'words' as const }
      : await ofKind(kindOf(flag.value ?? ''), names)
  return { candidates: candidates.map(({ value }) => ({ value: `${prefix}${value}` })), also }
}

const flagsOf = (flags: Flags): readonly Candidate[] => [
  ...visible(Object.entries(flags)).map(([name, { help }]) => ({ value: `--${name}`, description: help })),
  { value: '--help', description: 'show help' },
]

/** The flag that `word` is and that takes the next word for its value. */
const openFlag = (word: string | undefined, flags: Flags): Flag | undefined => {
  if (word === undefined || !/^-(-[^=]+|[^-])$/.test(word)) return undefined
  const found = Object.entries(flags).find(([name, { short }]) => word === `--${name}` || word === `-${short}`)?.[1]
  return found === undefined || found.type === 'boolean' || found.type === 'optional' ? undefined : found
}

/** Flags and their values; undefined where an operand is wanted. */
const offerFlags = async (words: readonly string[], flags: Flags, names: Names): Promise<Offer | undefined> => {
  const current = words.at(-1)!
  const open = openFlag(words.at(-2), flags)
  if (open !== undefined) return valuesOf(open, names)
  const [prefix, name] = /^--([^=]+)=/.exec(current) ?? []
  if (name !== undefined) return Object.hasOwn(flags, name) ? valuesOf(flags[name]!, names, prefix) : NOTHING
  return current.startsWith('-') && !words.slice(0, -1).includes('--') ? { candidates: flagsOf(flags), also: 'words' } : undefined
}

const count = (words: readonly string[], flags: Flags): number => {
  let operands = 0
  for (let index = 0; index < words.length; index++) {
    if (openFlag(words[index], flags) !== undefined) index++
    else if (!words[index]!.startsWith('-')) operands++
  }
  return operands
}

const offerOperand = async (command: Command<Context>, words: readonly string[], names: Names): Promise<Offer> => {
  const kinds = command.operands.split(' ').filter((word) => word !== '')
  const place = count(words.slice(0, -1), command.flags)
  if (kinds.length === 0 || place >= command.count[1]) return NOTHING
  const operand = kinds[Math.min(place, kinds.length - 1)]!
  if (/^[a-z|]+$/.test(operand)) return { candidates: operand.split('|').map((value) => ({ value })), also: 'words' }
  return ofKind(kindOf(operand), names)
}

const commandNames = async (verbs: Verbs, prefix: string): Promise<readonly Candidate[]> => {
  const found = await Promise.all(
    [...verbs]
      .filter(([name]) => (prefix === '' ? !name.includes(' ') : name.startsWith(prefix)))
      .map(async ([name, load]) => ({ name, command: (await load()).command })),
  )
  return found
    .filter(({ command }) => !command.hidden)
    .map(({ name, command }) => ({ value: name.slice(prefix.length), description: command.summary }))
}

/** Of the words behind the program’s name; the last is the one under the cursor. */
export const complete = async (words: readonly string[], verbs: Verbs, names: Names): Promise<Offer> => {
  let at = 0
  while (at < words.length - 1 && words[at]!.startsWith('-')) at += openFlag(words[at], GLOBALS) === undefined ? 1 : 2
  if (at >= words.length - 1) {
    const flags = await offerFlags(words, GLOBALS, names)
    if (flags !== undefined) return flags
    const groups = [...groupsOf(verbs)].map((value) => ({ value, description: `commands of ${value}` }))
    return { candidates: [...(await commandNames(verbs, '')), ...groups, { value: 'help', description: 'show help' }], also: 'words' }
  }
  const rest = words.slice(at)
  if (rest.length === 2 && groupsOf(verbs).has(rest[0]!)) return { candidates: await commandNames(verbs, `${rest[0]} `), also: 'words' }
  const found = findVerb(rest, verbs)
  if (found.kind !== 'verb') return NOTHING
  const { command } = await found.load()
  return (await offerFlags(found.rest, command.flags, names)) ?? (await offerOperand(command, found.rest, names))
}
