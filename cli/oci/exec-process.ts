/** The process that `exec` is to start: process.json, or `process` of the bundle’s config.json with the flags applied. */
import { readFileSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { parseJson } from '../../runtime/spec/json.ts'
import { loadJson } from '../../runtime/spec/load.ts'
import { parseProcess } from '../../runtime/spec/parse-process.ts'
import type { Process } from '../../runtime/spec/types.ts'
import { UsageError } from '../support/parse.ts'

export interface ProcessFlags {
  readonly cwd?: string
  readonly env?: readonly string[]
  readonly tty?: boolean
  readonly user?: string
  readonly 'additional-gids'?: readonly number[]
  readonly process?: string
  readonly 'process-label'?: string
  readonly apparmor?: string
  readonly 'no-new-privs'?: boolean
  readonly cap?: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {})
const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** `file` may be a FIFO or /dev/fd/N: callers hand over process.json that way. */
const readJson = (file: string): unknown => {
  const text = readFileSync(file, 'utf8')
  try {
    return parseJson(text)
  } catch (cause) {
    throw new WherryError('invalid-argument', `${file} is not JSON`, { cause })
  }
}

const id = (flag: string, text: string): number => {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(number < 2 ** 32 - 1)) throw new UsageError(`--${flag}: ${JSON.stringify(text)} is not a numeric id: UID or UID:GID`)
  return number
}

/** The fields of `user` that `--user` and `--additional-gids` set. */
const withUser = (user: Fields, flags: ProcessFlags): Fields => {
  const [uid, gid] = flags.user ? flags.user.split(/:(.*)/s) : []
  for (const extra of flags['additional-gids'] ?? []) if (extra < 0) throw new UsageError(`--additional-gids: ${extra} is not a numeric id`)
  return {
    ...user,
    ...(uid === undefined ? {} : { uid: id('user', uid) }),
    ...(gid === undefined ? {} : { gid: id('user', gid) }),
    additionalGids: [...items(user['additionalGids']), ...(flags['additional-gids'] ?? [])],
  }
}

/** Ambient ones need inheritable ones, which are not added: where there are none, ambient stays as it is. */
const withCapabilities = (sets: Fields, added: readonly string[]): Fields => {
  const names = ['bounding', 'effective', 'permitted', ...(sets['inheritable'] === undefined ? [] : ['ambient'])]
  return { ...sets, ...Object.fromEntries(names.map((name) => [name, [...items(sets[name]), ...added]])) }
}

/** What a process.json may leave to the container. */
const INHERITED = ['capabilities', 'apparmorProfile', 'selinuxLabel', 'rlimits', 'ioPriority', 'scheduler', 'execCPUAffinity'] as const

const inherit = (own: Fields, container: Fields): Fields => ({
  ...Object.fromEntries(INHERITED.filter((field) => container[field] !== undefined).map((field) => [field, container[field]])),
  ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined && value !== null && value !== '')),
})

const overridden = (container: Fields, command: readonly string[], flags: ProcessFlags): Fields => {
  if (command.length === 0) throw new UsageError('exec args cannot be empty: give a command, or a process.json with --process')
  return {
    ...container,
    args: command,
    terminal: flags.tty ?? false,
    ...(flags.cwd ? { cwd: flags.cwd } : {}),
    ...(flags.apparmor ? { apparmorProfile: flags.apparmor } : {}),
    ...(flags['process-label'] ? { selinuxLabel: flags['process-label'] } : {}),
    ...(flags['no-new-privs'] === undefined ? {} : { noNewPrivileges: flags['no-new-privs'] }),
    ...(flags.cap === undefined ? {} : { capabilities: withCapabilities(fields(container['capabilities']), flags.cap) }),
    env: [...items(container['env']), ...(flags.env ?? [])],
    user: withUser(fields(container['user']), flags),
  }
}

/**
 * The process of `exec` in the container of `bundle`. The config.json is read as it is now, not as it was when the container was
 * created: so does runc, and callers edit it. Throws InvalidField with the path of what is wrong.
 */
export const execProcess = (bundle: string, command: readonly string[], flags: ProcessFlags, warn: (message: string) => void): Process => {
  const container = fields(fields(loadJson(`${bundle}/config.json`, 'config.json'))['process'])
  if (!flags.process) return parseProcess(overridden(container, command, flags), 'process', warn)
  return parseProcess(inherit(fields(readJson(flags.process)), container), flags.process, warn)
}
