/** Finding a verb among all spellings of all verbs. */
import type { Command } from '../support/flags.ts'
import { nearest } from '../support/nearest.ts'
import type { Context } from './context.ts'

export type Load = () => Promise<{ readonly command: Command<Context> }>

/** Every spelling of every verb, its name first; to load one costs something, so that is done when it is asked for. */
export type Verbs = ReadonlyMap<string, Load>

export const allCommands = async (verbs: Verbs): Promise<readonly Command<Context>[]> =>
  (await Promise.all([...new Set(verbs.values())].map((load) => load()))).map(({ command }) => command)

/** First words of the verbs of two words. */
export const groupsOf = (verbs: Verbs): ReadonlySet<string> =>
  new Set([...verbs.keys()].filter((name) => name.includes(' ')).map((name) => name.slice(0, name.indexOf(' '))))

export type Found =
  | { readonly kind: 'verb'; readonly load: Load; readonly rest: readonly string[] }
  | { readonly kind: 'group'; readonly group: string; readonly rest: readonly string[] }
  | { readonly kind: 'unknown'; readonly problem: string }

const guessed = (word: string, names: Iterable<string>): string => {
  const guess = nearest(word, names)
  return guess === undefined ? '' : ` (did you mean ${guess}?)`
}

/** The verb that a command line begins with. */
export const findVerb = ([first = '', second, ...rest]: readonly string[], verbs: Verbs): Found => {
  if (second !== undefined) {
    const load = verbs.get(`${first} ${second}`)
    if (load !== undefined) return { kind: 'verb', load, rest }
  }
  const load = verbs.get(first)
  if (load !== undefined) return { kind: 'verb', load, rest: second === undefined ? [] : [second, ...rest] }
  const groups = groupsOf(verbs)
  if (!groups.has(first)) {
    const names = [...verbs.keys()].filter((name) => !name.includes(' '))
    return { kind: 'unknown', problem: `unknown command ${JSON.stringify(first)}${guessed(first, [...names, ...groups])}` }
  }
  if (second === undefined || second.startsWith('-') || second === 'help')
    return { kind: 'group', group: first, rest: second === undefined ? [] : [second, ...rest] }
  const names = [...verbs.keys()].filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1))
  return { kind: 'unknown', problem: `unknown command ${JSON.stringify(`${first} ${second}`)}${guessed(second, names)}` }
}
