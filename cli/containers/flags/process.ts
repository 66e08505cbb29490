/** What runs in the container, and as whom. */
import { posix } from 'node:path'
import type { Flags, Values } from '../../support/flags.ts'
import type { ContainerRequest } from '../request.ts'
import { bad, line, withoutNul, words } from './bad.ts'
import { hostName } from './network-mode.ts'

/** Of run, create and exec. */
export const TERMINAL_FLAGS = {
  interactive: { type: 'boolean', short: 'i', help: 'pass stdin on' },
  tty: { type: 'boolean', short: 't', help: 'give it a terminal' },
  user: { type: 'string', short: 'u', value: 'USER[:GROUP]', help: 'user that it runs as: names of the container, or numbers' },
  workdir: { type: 'string', short: 'w', value: 'PATH', help: 'working directory' },
} as const satisfies Flags

export const PROCESS_FLAGS = {
  ...TERMINAL_FLAGS,
  'group-add': { type: 'list', value: 'GROUP', help: 'further group, by name or number' },
  entrypoint: { type: 'string', value: 'PROGRAM', help: "program in the place of the image's; empty for none, or a JSON list of words" },
  hostname: { type: 'string', short: 'h', value: 'NAME', help: 'host name (default: the beginning of its id)' },
  domainname: { type: 'string', value: 'NAME', help: 'NIS domain name' },
  init: { type: 'boolean', help: 'run a small init as its first process, which passes signals on and reaps what is left over' },
  umask: { type: 'string', value: 'MODE', help: 'umask (default 0022)' },
} as const satisfies Flags

type Given = Values<typeof PROCESS_FLAGS>

export const readWorkdir = (text: string | undefined): string | undefined => {
  if (text === undefined || text === '') return undefined
  if (!text.startsWith('/')) throw bad('workdir', text, 'is not absolute')
  return posix.normalize(line('workdir', text))
}

export const readUser = (text: string | undefined): string | undefined => {
  if (text === undefined || text === '') return undefined
  line('user', text)
  if (!/^[^:]+(?::[^:]+)?$/.test(text)) throw bad('user', text, 'is not of the form USER[:GROUP]')
  return text
}

/** As a word, or as podman's list of words. */
const entrypoint = (text: string): readonly string[] => {
  withoutNul('entrypoint', text)
  if (text === '') return []
  // test(1) is called so too
  if (!text.startsWith('[') || text === '[') return [text]
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw bad('entrypoint', text, `begins like a JSON list of words and is none: ${error.message}`)
  }
  if (!Array.isArray(parsed) || !parsed.every((word): word is string => typeof word === 'string'))
    throw bad('entrypoint', text, 'is no JSON list of words')
  return parsed
}

const umask = (text: string): number => {
  if (!/^0?[0-7]{1,3}$/.test(text)) throw bad('umask', text, 'is no umask: up to three octal digits like 0022 are wanted')
  return Number.parseInt(text, 8)
}

const group = (text: string): string => {
  if (text === 'keep-groups') throw bad('group-add', text, 'is not supported: name the groups')
  if (text === '' || text.includes(':')) throw bad('group-add', text, 'is no group')
  return line('group-add', text)
}

type Parts = Pick<
  ContainerRequest,
  'entrypoint' | 'workdir' | 'user' | 'groups' | 'umask' | 'hostname' | 'domainname' | 'tty' | 'interactive' | 'init'
>

export const readProcess = (flags: Given): Parts => {
  const [workdir, user] = [readWorkdir(flags.workdir), readUser(flags.user)]
  return {
    ...(flags.entrypoint === undefined ? {} : { entrypoint: entrypoint(flags.entrypoint) }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(user === undefined ? {} : { user }),
    groups: words(flags['group-add']).map(group),
    ...(flags.umask === undefined ? {} : { umask: umask(flags.umask) }),
    ...(flags.hostname === undefined || flags.hostname === '' ? {} : { hostname: hostName('hostname', flags.hostname) }),
    ...(flags.domainname === undefined || flags.domainname === '' ? {} : { domainname: hostName('domainname', flags.domainname) }),
    tty: flags.tty ?? false,
    interactive: flags.interactive ?? false,
    init: flags.init ?? false,
  }
}
