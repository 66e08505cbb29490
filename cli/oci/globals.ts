/** The flags that stand before the verb. */
import { basename, resolve } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import type { Flags, Values } from '../support/flags.ts'
import type { Launch } from '../support/launch.ts'
import { UsageError } from '../support/parse.ts'
import { allCommands, type Verbs } from './commands.ts'
import type { Context } from './context.ts'
import { type Log, openLog } from './log.ts'

export const GLOBALS = {
  debug: { type: 'boolean', help: 'log what is done' },
  log: { type: 'string', value: 'FILE', help: 'append the log to FILE (default: stderr)' },
  'log-format': { type: 'string', value: 'FORMAT', choices: ['text', 'json'], help: 'text (default) or json' },
  root: {
    type: 'string',
    value: 'DIR',
    help: 'folder of the state of containers (default: /run/wherry-oci, or $XDG_RUNTIME_DIR/wherry-oci)',
  },
  'systemd-cgroup': { type: 'boolean', help: 'let systemd make the cgroups; cgroupsPath is then "slice:prefix:name"' },
  rootless: {
    type: 'string',
    value: 'WHEN',
    choices: ['auto', 'true', 'false'],
    help: 'tolerate missing permissions on cgroups: true, false or auto (default)',
  },
  criu: { type: 'string', value: 'FILE', help: 'ignored', hidden: true },
  version: { type: 'boolean', short: 'v', help: 'print the version', hidden: true },
} as const satisfies Flags

const ROOTLESS: Readonly<Record<string, boolean | undefined>> = { auto: undefined, true: true, false: false, '1': true, '0': false }

const rootlessOf = (text: string): boolean | undefined => {
  const word = text.toLowerCase()
  if (word !== '' && !Object.hasOwn(ROOTLESS, word))
    throw new UsageError(`--rootless: ${JSON.stringify(text)} is none of auto, true, false`)
  return ROOTLESS[word]
}

/** What a folder of states must not be: everything below it may be deleted. */
const rootOf = (text: string | undefined): string | undefined => {
  if (text === undefined) return undefined
  const root = resolve(text)
  if (root === '/' || text === '') throw new WherryError('invalid-argument', 'Option --root argument should not be set to / or be empty')
  return root
}

/** @throws UsageError, or WherryError where the file cannot be opened. */
export const openLogOf = (flags: Values<typeof GLOBALS>): Log => {
  const format = flags['log-format'] || 'text'
  if (format !== 'text' && format !== 'json') throw new UsageError(`invalid log-format: ${format} (text or json)`)
  return openLog({ file: flags.log || undefined, format, debug: flags.debug ?? false })
}

export const contextOf = (flags: Values<typeof GLOBALS>, launch: Launch, log: Log, verbs: Verbs): Context => ({
  name: basename(launch.program),
  launch,
  log,
  root: rootOf(flags.root),
  systemdCgroup: flags['systemd-cgroup'] ?? false,
  rootless: rootlessOf(flags.rootless ?? ''),
  commands: () => allCommands(verbs),
})
