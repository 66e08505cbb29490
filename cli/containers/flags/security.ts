/** --privileged, --cap-add, --cap-drop, --security-opt. */
import { resolve } from 'node:path'
import { CAPABILITY_NAMES } from '../../../runtime/capabilities.ts'
import { WherryError } from '../../../runtime/errors.ts'
import type { Flags, Values } from '../../support/flags.ts'
import { nearest } from '../../support/nearest.ts'
import { UsageError } from '../../support/parse.ts'
import type { SecurityRequest } from '../request.ts'
import { checkSeccompProfile } from '../../../runtime/seccomp/profile.ts'
import { bad, line, shown, words } from './bad.ts'
import type { Surroundings } from './surroundings.ts'
import { readText } from './text-file.ts'

export const SECURITY_FLAGS = {
  privileged: { type: 'boolean', help: 'all capabilities, all devices, nothing masked: root in it is root of the machine' },
  'cap-add': { type: 'list', value: 'CAPABILITY', help: 'add a capability, as NET_ADMIN, or ALL; capabilities(7)' },
  'cap-drop': { type: 'list', value: 'CAPABILITY', help: 'take a capability away, or ALL' },
  'security-opt': {
    type: 'list',
    value: 'OPTION',
    help: 'seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=…, no-new-privileges, mask=PATHS, unmask=PATHS|ALL',
  },
} as const satisfies Flags

type Given = Values<typeof SECURITY_FLAGS>

const ALL = 'ALL'

/** `CAP_CHOWN` for `chown`, `CAP_CHOWN`, …; `ALL`. Of exec too. */
export const readCapability = (flag: 'cap-add' | 'cap-drop', text: string): string => {
  const upper = text.toUpperCase()
  if (upper === ALL || upper === 'CAP_ALL') return ALL
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (CAPABILITY_NAMES.some((known) => known === name)) return name
  const guess = nearest(name, CAPABILITY_NAMES)
  throw bad(
    flag,
    text,
    `is no capability${guess === undefined ? ': see capabilities(7)' : ` (did you mean ${guess.slice('CAP_'.length)}?)`}`,
  )
}

const capabilities = (flags: Given): Pick<SecurityRequest, 'capAdd' | 'capDrop'> => {
  const [capAdd, capDrop] = (['cap-add', 'cap-drop'] as const).map((flag) => [
    ...new Set(words(flags[flag]).map((text) => readCapability(flag, text))),
  ]) as [string[], string[]]
  const both = capAdd.find((name) => capDrop.includes(name))
  if (both !== undefined) throw new UsageError(`--cap-add ${both} and --cap-drop ${both} exclude each other`)
  return { capAdd, capDrop }
}

const LABELS = ['user', 'role', 'type', 'level', 'filetype']

const OPTIONS =
  'seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=user:|role:|type:|level:|disable|nested, no-new-privileges[=true|false], mask=PATH[:PATH], unmask=PATH[:PATH]|ALL, systempaths=unconfined'

interface Draft {
  noNewPrivileges: boolean
  seccomp?: NonNullable<SecurityRequest['seccomp']>
  apparmor?: string
  readonly labels: string[]
  readonly mask: string[]
  readonly unmask: string[]
}

const profile = (text: string, file: string, cwd: string): NonNullable<SecurityRequest['seccomp']> => {
  const content = readText('security-opt', file, cwd)
  try {
    checkSeccompProfile(content)
  } catch (error) {
    if (!(error instanceof WherryError)) throw error
    throw bad('security-opt', text, `names a file that is no seccomp profile: ${error.message}`)
  }
  return { mode: 'profile', file: resolve(cwd, file), profile: content }
}

const boolean = (text: string, value: string | undefined): boolean => {
  if (value === undefined || value === 'true') return true
  if (value === 'false') return false
  throw bad('security-opt', text, `has ${shown(value)}, which is neither true nor false`)
}

const paths = (text: string, value: string): readonly string[] =>
  value.split(':').map((path) => {
    if (!path.startsWith('/')) throw bad('security-opt', text, `has ${shown(path)}, which is no absolute path`)
    return path
  })

const given = (text: string, name: string, value: string | undefined): string => {
  if (value === undefined || value === '') throw bad('security-opt', text, `needs a value; there are ${OPTIONS}`)
  return name === '' ? '' : value
}

const apply = (draft: Draft, text: string, cwd: string): void => {
  line('security-opt', text)
  // docker's older spelling has a colon
  const [, name = '', rest] = /^([a-z-]+)(?:[=:]([\s\S]*))?$/.exec(text) ?? []
  switch (name) {
    case 'no-new-privileges':
      draft.noNewPrivileges = boolean(text, rest)
      break
    case 'seccomp': {
      const value = given(text, name, rest)
      if (value === 'unconfined') draft.seccomp = { mode: 'unconfined' }
      else if (value === 'builtin' || value === 'default') delete draft.seccomp
      else draft.seccomp = profile(text, value, cwd)
      break
    }
    case 'apparmor':
      draft.apparmor = given(text, name, rest)
      if (!/^[^\s"]+$/.test(draft.apparmor)) throw bad('security-opt', text, 'is no name of a profile')
      break
    case 'label': {
      const value = given(text, name, rest)
      const [, key, label] = /^([a-z]+):(.+)$/.exec(value) ?? []
      if (
        value !== 'disable' &&
        value !== 'nested' &&
        (key === undefined || !LABELS.includes(key) || /[\s"',]/.test(label!.replaceAll(',', '')))
      )
        throw bad('security-opt', text, `is none of label=${LABELS.map((one) => `${one}:…`).join(', label=')}, label=disable, label=nested`)
      draft.labels.push(value)
      break
    }
    case 'mask':
      draft.mask.push(...paths(text, given(text, name, rest)))
      break
    case 'unmask': {
      const value = given(text, name, rest)
      draft.unmask.push(...(value.toUpperCase() === ALL ? [ALL] : paths(text, value)))
      break
    }
    case 'systempaths':
      if (rest !== 'unconfined') throw bad('security-opt', text, 'is not systempaths=unconfined')
      draft.unmask.push(ALL)
      break
    default:
      throw bad('security-opt', text, `is unknown; there are ${OPTIONS}`)
  }
}

export const readSecurity = (flags: Given, { cwd }: Pick<Surroundings, 'cwd'>): SecurityRequest => {
  const draft: Draft = { noNewPrivileges: false, labels: [], mask: [], unmask: [] }
  for (const text of flags['security-opt'] ?? []) apply(draft, text, cwd)
  return { privileged: flags.privileged ?? false, ...capabilities(flags), ...draft }
}
