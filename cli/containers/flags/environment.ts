/** -e, --env-file, --env-host, --unsetenv: environ(7). exec has the first two as well. */
import type { Flags, Values } from '../../support/flags.ts'
import type { ContainerRequest } from '../request.ts'
import { bad, shown, withoutNul } from './bad.ts'
import type { Surroundings } from './surroundings.ts'
import { readLines } from './text-file.ts'
import { UsageError } from '../../support/parse.ts'

/** Of run, create and exec. */
export const ENV_FLAGS = {
  env: { type: 'list', short: 'e', value: 'NAME[=VALUE]', help: 'set a variable; without a value it is taken from your environment' },
  'env-file': { type: 'list', value: 'FILE', help: 'set the variables in a file of lines NAME=VALUE' },
} as const satisfies Flags

export const ENVIRONMENT_FLAGS = {
  ...ENV_FLAGS,
  'env-host': { type: 'boolean', help: 'set all variables of your environment' },
  unsetenv: { type: 'list', value: 'NAME', help: "remove a variable of the image's" },
} as const satisfies Flags

type Change = ContainerRequest['env'][number]

const variable = (text: string, env: Surroundings['env'], wrong: (problem: string) => Error): Change => {
  const at = text.indexOf('=')
  const name = at < 0 ? text : text.slice(0, at)
  if (name === '') throw wrong('has no name: NAME=VALUE, or NAME for the value in your environment, is wanted')
  return [name, at < 0 ? (Object.hasOwn(env, name) ? env[name] : undefined) : text.slice(at + 1)]
}

/** A name without a value that the environment does not have either is left out, as in docker. */
const fromFile = (file: string, { cwd, env }: Pick<Surroundings, 'cwd' | 'env'>): readonly Change[] =>
  readLines('env-file', file, cwd).flatMap(({ text, number }) => {
    const wrong = (problem: string): Error => new UsageError(`--env-file: line ${number} of ${file}: ${shown(text)} ${problem}`)
    if (text.includes('\0')) throw wrong('has a NUL byte')
    const change = variable(text, env, wrong)
    if (/\s/.test(change[0])) throw wrong(`has white space in the name`)
    return change[1] === undefined ? [] : [change]
  })

/** In the order in which they count: the host's, files, -e, then what is removed. */
export const readEnvironment = (
  flags: Values<typeof ENVIRONMENT_FLAGS>,
  surroundings: Pick<Surroundings, 'cwd' | 'env'>,
): readonly Change[] => [
  ...(flags['env-host'] ? Object.entries(surroundings.env).filter(([, value]) => value !== undefined) : []),
  ...(flags['env-file'] ?? []).flatMap((file) => fromFile(file, surroundings)),
  ...(flags.env ?? []).map((text) => variable(withoutNul('env', text), surroundings.env, (problem) => bad('env', text, problem))),
  ...(flags.unsetenv ?? []).map((name): Change => {
    if (name === '' || name.includes('=')) throw bad('unsetenv', name, 'is no name of a variable')
    return [name, undefined]
  }),
]
