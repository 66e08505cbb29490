/** `Env` of an image’s config and what is changed in it; environ(7). */
import { WherryError } from '../../runtime/errors.ts'
import { quoted } from '../spec/printable.ts'

/** Where an image says nothing: docker’s. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A variable to set, or to take away. */
export type Change = readonly [name: string, value: string | undefined]

/**
 * `NAME=value`, or `NAME` for its value in `outer`: docker’s `--env`. Throws `invalid-argument`.
 */
export const parseVariable = (text: string, outer: Readonly<Record<string, string | undefined>>): Change => {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  if (name === '' || text.includes('\0'))
    throw new WherryError('invalid-argument', `variable ${quoted(text)}: wanted is NAME=value or NAME`)
  if (equals >= 0) return [name, text.slice(equals + 1)]
  return [name, Object.hasOwn(outer, name) ? outer[name] : undefined]
}

const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='))

/** The image’s variables, each name once (the last counts), PATH first if it had none, then the changes in order. */
export const mergeEnv = (image: readonly string[] = [], changes: readonly Change[] = []): readonly string[] => {
  const merged = new Map<string, string>()
  if (!image.some((entry) => nameOf(entry) === 'PATH')) merged.set('PATH', DEFAULT_PATH)
  for (const entry of image) merged.set(nameOf(entry), entry.slice(entry.indexOf('=') + 1))
  for (const [name, value] of changes)
    if (value === undefined) merged.delete(name)
    else merged.set(name, value)
  return [...merged].map(([name, value]) => `${name}=${value}`)
}

/** With `name` set to `value` where it is not there yet. */
export const withDefault = (env: readonly string[], name: string, value: string): readonly string[] =>
  env.some((entry) => nameOf(entry) === name) ? env : [...env, `${name}=${value}`]
