/**
 * What can be set for all commands, and where: a flag before the command, a variable of the environment, a key of the configuration
 * files; the first that has it wins. Parser, help, manual pages and docs/settings.md are made from this table.
 */
import { isAbsolute, resolve } from 'node:path'
import type { Flag, Flags } from '../support/flags.ts'
import { nearest } from '../support/nearest.ts'
import { readValue, UsageError, type Value, WANTED } from '../support/parse.ts'
import { CRI_SETTINGS } from './cri-settings.ts'
import { LIMIT_SETTINGS } from './limit-settings.ts'
import type { Setting } from './setting.ts'

export const SETTINGS = {
  root: {
    type: 'path',
    value: 'DIR',
    help: 'folder of images and containers',
    default: '/var/lib/wherry; for others than root $XDG_DATA_HOME/wherry',
    env: 'WHERRY_ROOT',
    key: 'root',
  },
  'run-root': {
    type: 'path',
    value: 'DIR',
    help: 'folder of what does not outlive this boot',
    default: '/run/wherry; for others than root $XDG_RUNTIME_DIR/wherry',
    env: 'WHERRY_RUN_ROOT',
    key: 'run_root',
  },
  'log-level': {
    type: 'string',
    value: 'LEVEL',
    choices: ['error', 'warn', 'info', 'debug', 'trace'],
    help: 'what is logged, on stderr',
    default: 'warn',
    env: 'WHERRY_LOG_LEVEL',
    key: 'log_level',
  },
  'log-format': {
    type: 'string',
    value: 'FORMAT',
    choices: ['text', 'json'],
    help: 'how it is logged: as lines of text, or as one JSON object per line',
    default: 'text',
    env: 'WHERRY_LOG_FORMAT',
    key: 'log_format',
  },
  debug: { type: 'boolean', help: 'the same as --log-level debug', default: 'false', env: 'WHERRY_DEBUG', key: 'debug' },
  config: {
    type: 'path',
    value: 'FILE',
    help: 'configuration file, in place of the two usual ones',
    default: '/etc/wherry/wherry.toml, and before it $XDG_CONFIG_HOME/wherry/wherry.toml',
    env: 'WHERRY_CONFIG',
  },
  ...LIMIT_SETTINGS,
  ...CRI_SETTINGS,
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof SETTINGS

interface Types {
  readonly string: string
  readonly path: string
  readonly boolean: boolean
  readonly integer: number
  readonly size: number
  readonly duration: number
  readonly list: readonly string[]
}

type ValueOf<S extends Setting> = S extends { readonly choices: readonly (infer Choice)[] } ? Choice : Types[S['type']]

/** What is set; what is not is absent. */
export type Settings = { readonly [Name in SettingName]?: ValueOf<(typeof SETTINGS)[Name]> }

const ALL: Readonly<Record<string, Setting>> = SETTINGS

/** As the command’s own, or as one that stands before all. */
export const flagOf = ({ type, value, choices, help, default: usual, env }: Setting): Flag => ({
  type: type === 'path' ? 'string' : type,
  help: `${help} (default: ${usual}; $${env})`,
  ...(value === undefined ? {} : { value }),
  ...(choices === undefined ? {} : { choices }),
})

/** The flags that stand before the command. */
export const GLOBALS: Flags = {
  ...Object.fromEntries(
    Object.entries(ALL)
      .filter(([, { flagless, command }]) => flagless === undefined && command === undefined)
      .map(([name, setting]) => [name, flagOf(setting)]),
  ),
  version: { type: 'boolean', short: 'v', help: 'print the version', hidden: true },
}

/** Checks what was found in `place`, which messages name. Paths in files have nothing that they could be relative to. */
const read = (setting: Setting, given: unknown, place: string, relative: boolean): Value | readonly string[] => {
  const { type, choices } = setting
  const wrong = (wanted: string): UsageError => new UsageError(`${place}: ${JSON.stringify(given)} is not ${wanted}`)
  if (type === 'list') {
    const list = typeof given === 'string' && relative ? given.split(',').filter(Boolean) : given
    if (!Array.isArray(list) || !list.every((one) => typeof one === 'string')) throw wrong('an array of texts')
    return list as string[]
  }
  if (type === 'boolean' && typeof given === 'boolean') return given
  if (type === 'integer' && typeof given === 'bigint') return Number(given)
  if ((type === 'integer' || type === 'size') && Number.isSafeInteger(given)) return given as number
  if (typeof given !== 'string') throw wrong(WANTED[type] ?? 'a text')
  if (choices !== undefined && !choices.includes(given)) throw wrong(`one of ${choices.join(', ')}`)
  if (type === 'path') {
    if (given === '' || (!relative && !isAbsolute(given))) throw wrong(relative ? 'a path' : 'an absolute path')
    return resolve(given)
  }
  const value = readValue({ type }, given)
  if (value === undefined) throw wrong(WANTED[type]!)
  return value
}

/** A configuration file, as parsed. */
export interface ConfigFile {
  readonly path: string
  readonly table: Readonly<Record<string, unknown>>
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** `{pull: {parallel: 3}}` → `pull.parallel` 3 */
const flat = (table: Readonly<Record<string, unknown>>, prefix = ''): (readonly [string, unknown])[] =>
  Object.entries(table).flatMap(([key, value]) =>
    isTable(value) ? flat(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value] as const],
  )

type Found = Readonly<Record<string, Value | readonly string[]>>

const fromFile = ({ path, table }: ConfigFile): Found => {
  const byKey = new Map(Object.entries(ALL).flatMap(([name, setting]) => (setting.key === undefined ? [] : [[setting.key, name] as const])))
  return Object.fromEntries(
    flat(table).map(([key, given]) => {
      const name = byKey.get(key)
      if (name !== undefined) return [name, read(ALL[name]!, given, `${path}: ${key}`, false)]
      const guess = nearest(key, byKey.keys())
      throw new UsageError(`${path}: there is no setting ${key}${guess === undefined ? '' : `: did you mean ${guess}?`}`)
    }),
  )
}

const fromEnvironment = (env: NodeJS.ProcessEnv): Found => {
  const found: Record<string, Found[string]> = {}
  for (const [name, setting] of Object.entries(ALL)) {
    const text = env[setting.env]
    if (text !== undefined && text !== '') found[name] = read(setting, text, `$${setting.env}`, true)
  }
  return found
}

const fromFlags = (flags: Readonly<Record<string, unknown>>): Found =>
  Object.fromEntries(
    Object.entries(flags)
      .filter(([name]) => Object.hasOwn(ALL, name))
      .map(([name, given]) => [name, ALL[name]!.type === 'path' ? read(ALL[name]!, given, `--${name}`, true) : (given as Value)]),
  )

/** @param files asked for once it is known which; the first has precedence. */
export const settingsOf = async (
  flags: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
  files: (config: string | undefined) => Promise<readonly ConfigFile[]>,
): Promise<Settings> => {
  const near = { ...fromEnvironment(env), ...fromFlags(flags) }
  const far = (await files(near['config'] as string | undefined)).map(fromFile)
  return Object.assign({}, ...far.toReversed(), near) as Settings
}
