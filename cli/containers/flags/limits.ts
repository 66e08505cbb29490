/** --ulimit, --sysctl, --oom-score-adj, --pids-limit: what the kernel keeps per process or namespace. */
import { InvalidField } from '../../../runtime/errors.ts'
import { sysctl } from '../../../runtime/spec/parse-sysctl.ts'
import type { LinuxNamespaceType } from '../../../runtime/spec/types.ts'
import { RLIMITS } from '../../../runtime/sys/abi/resource.ts'
import type { Flags } from '../../support/flags.ts'
import { nearest } from '../../support/nearest.ts'
import { UsageError } from '../../support/parse.ts'
import type { ContainerRequest } from '../request.ts'
import { bad, halves, line, within } from './bad.ts'

export const LIMIT_FLAGS = {
  ulimit: { type: 'list', value: 'NAME=SOFT[:HARD]', help: 'limit of each process, getrlimit(2); -1 for none' },
  sysctl: { type: 'list', value: 'NAME=VALUE', help: "set a parameter of the kernel that belongs to the container's namespaces" },
  'oom-score-adj': { type: 'integer', value: 'N', help: 'how readily it is killed where memory is short, -1000 to 1000' },
} as const satisfies Flags

/** `nofile`, … */
export const ULIMITS: readonly string[] = Object.keys(RLIMITS).map((name) => name.slice('RLIMIT_'.length).toLowerCase())

const limit = (text: string, value: string): string => {
  if (value === '-1' || value === 'unlimited') return '-1'
  if (!/^\d{1,20}$/.test(value) || BigInt(value) >= 2n ** 64n)
    throw bad('ulimit', text, `has ${JSON.stringify(value)} for a limit: a number, or -1 for none, is wanted`)
  return value === String(2n ** 64n - 1n) ? '-1' : value
}

const above = (one: string, other: string): boolean => other !== '-1' && (one === '-1' || BigInt(one) > BigInt(other))

const ulimit = (text: string): ContainerRequest['ulimits'][number] => {
  const [given, values] = halves(text, '=')
  const name = given.toLowerCase().replace(/^rlimit_/, '')
  if (!ULIMITS.includes(name)) {
    const guess = nearest(name, ULIMITS)
    throw bad('ulimit', text, `is none of ${ULIMITS.join(', ')}${guess === undefined ? '' : ` (did you mean ${guess}?)`}`)
  }
  if (values === undefined) throw bad('ulimit', text, 'is not of the form NAME=SOFT[:HARD]')
  const [first, second] = halves(values, ':')
  const soft = limit(text, first)
  const hard = second === undefined ? soft : limit(text, second)
  if (above(soft, hard)) throw bad('ulimit', text, 'has a soft limit above the hard one')
  return { name, soft, hard }
}

/** Of a name that is given twice the last counts. */
export const readUlimits = (values: readonly string[] | undefined): ContainerRequest['ulimits'] => [
  ...new Map((values ?? []).map(ulimit).map((one) => [one.name, one] as const)).values(),
]

export const readOomScoreAdj = (value: number | undefined): number | undefined => within('oom-score-adj', value, -1000, 1000)

/** -1 for any number; docker's 0 is that too. */
export const readPidsLimit = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : value === 0 ? -1 : within('pids-limit', value, -1, 4_194_304)

/** Which flag decides whether a namespace is the container's own. */
const FLAG_OF: Readonly<Partial<Record<LinuxNamespaceType, string>>> = { ipc: 'ipc', network: 'network', uts: 'uts' }

const namespaceOf = (path: string): LinuxNamespaceType =>
  path.startsWith('net/') ? 'network' : path === 'kernel/domainname' || path === 'kernel/hostname' ? 'uts' : 'ipc'

/**
 * By path below /proc/sys: names of what belongs to namespaces only, and only where that namespace is the container's own: everything else
 * would change the machine, or another container.
 */
export const readSysctls = (
  values: readonly string[] | undefined,
  modeOf: (type: 'ipc' | 'network' | 'uts') => string,
): Readonly<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (const text of values ?? []) {
    const [name, value] = halves(line('sysctl', text), '=')
    if (value === undefined || name === '') throw bad('sysctl', text, 'is not of the form NAME=VALUE')
    let path: string
    try {
      path = Object.keys(sysctl(() => true)({ [name.trim()]: value.trim() }, 'sysctl'))[0]!
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error
      if (name.trim().replaceAll('/', '.') === 'kernel.hostname') throw bad('sysctl', text, 'is not allowed: give --hostname')
      throw bad('sysctl', text, error.message.slice(error.path.length + 2))
    }
    const type = namespaceOf(path) as 'ipc' | 'network' | 'uts'
    const mode = modeOf(type)
    if (mode === 'host' || mode === 'container')
      throw new UsageError(
        `--sysctl ${name.trim()} and --${FLAG_OF[type]} ${mode === 'host' ? 'host' : 'container:…'} exclude each other: it would change ${mode === 'host' ? 'the machine' : 'the other container'}`,
      )
    found[path] = value.trim()
  }
  return found
}
