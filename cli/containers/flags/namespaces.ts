/** --pid, --ipc, --uts, --cgroupns, --userns, --uidmap, --gidmap, --time-offset: namespaces(7). */
import { parseDuration } from '../../support/duration.ts'
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import type { ContainerRequest, NamespaceRequest, UserNamespaceRequest } from '../request.ts'
import { bad, conflict, halves, isId } from './bad.ts'
import { readMappings } from './id-mappings.ts'
import type { Surroundings } from './surroundings.ts'

export const NAMESPACE_FLAGS = {
  pid: { type: 'string', value: 'MODE', help: 'whose processes it sees: private (default), host, or container:NAME' },
  ipc: { type: 'string', value: 'MODE', help: 'private (default), shareable, none (without /dev/shm), host, or container:NAME' },
  uts: { type: 'string', value: 'MODE', help: 'whose host name it has: private (default), host, or container:NAME' },
  cgroupns: { type: 'string', value: 'MODE', help: 'what it sees of cgroups: its own (private, default) or all (host)' },
  userns: {
    type: 'string',
    value: 'MODE',
    help: 'whose user ids it has: host (default), auto[:size=N], keep-id[:uid=N,gid=N], nomap, private (with --uidmap), or container:NAME',
  },
  uidmap: { type: 'list', value: 'CONTAINER:HOST[:SIZE]', help: 'user ids of the container and of the machine' },
  gidmap: { type: 'list', value: 'CONTAINER:HOST[:SIZE]', help: 'the same for groups (default: as --uidmap)' },
  'time-offset': { type: 'list', value: 'CLOCK=SECONDS', help: 'shift the clock monotonic or boottime, time_namespaces(7); 90 or 1h30m' },
} as const satisfies Flags

type Given = Values<typeof NAMESPACE_FLAGS>

const MODES = {
  pid: ['private', 'host'],
  ipc: ['private', 'shareable', 'none', 'host'],
  uts: ['private', 'host'],
  cgroupns: ['private', 'host'],
} as const satisfies Readonly<Record<string, readonly NamespaceRequest['mode'][]>>

export const readNamespace = (
  flag: keyof typeof MODES,
  text: string | undefined,
  { container }: Pick<Surroundings, 'container'>,
): NamespaceRequest => {
  if (text === undefined || text === '') return { mode: 'private' }
  const joins = flag !== 'cgroupns'
  if (joins && text.startsWith('container:')) {
    const { id, request } = container(text.slice('container:'.length))
    if (flag === 'ipc' && request.ipc.mode !== 'shareable')
      throw bad(flag, text, 'names a container that does not share it: make that one with --ipc shareable')
    return { mode: 'container', container: id }
  }
  const mode = MODES[flag].find((one) => one === text)
  if (mode === undefined) throw bad(flag, text, `is none of ${[...MODES[flag], ...(joins ? ['container:NAME'] : [])].join(', ')}`)
  return { mode }
}

const USERNS = 'host, auto[:size=N], keep-id[:uid=N,gid=N], nomap, private (with --uidmap), container:NAME'

const options = (text: string, list: string | undefined, known: readonly string[]): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const option of list === undefined ? [] : list.split(',')) {
    const [key, value = ''] = halves(option, '=')
    if (!known.includes(key)) throw bad('userns', text, `has the unknown option ${JSON.stringify(key)}; there are ${known.join(', ')}`)
    if (!isId(value)) throw bad('userns', text, `has ${option}: a number in decimal is wanted`)
    found.set(key, Number(value))
  }
  return found
}

const withMappings = (flags: Given): UserNamespaceRequest | undefined => {
  const { uidmap, gidmap, userns } = flags
  if (uidmap === undefined && gidmap === undefined) {
    if (userns === 'private') throw bad('userns', userns, 'needs --uidmap: which ids it has; auto chooses some')
    return undefined
  }
  if (userns !== undefined && userns !== 'private')
    throw conflict(uidmap === undefined ? 'gidmap' : 'uidmap', 'userns', `--userns ${userns} has mappings of its own; leave it away`)
  // one alone counts for both, as in podman
  return {
    mode: 'mapping',
    uidMappings: readMappings(uidmap === undefined ? 'gidmap' : 'uidmap', uidmap ?? gidmap!),
    gidMappings: readMappings(gidmap === undefined ? 'uidmap' : 'gidmap', gidmap ?? uidmap!),
  }
}

export const readUserNamespace = (flags: Given, { container }: Pick<Surroundings, 'container'>): UserNamespaceRequest => {
  const mapped = withMappings(flags)
  if (mapped !== undefined) return mapped
  const text = flags.userns ?? 'host'
  if (text.startsWith('container:')) return { mode: 'container', container: container(text.slice('container:'.length)).id }
  const [mode, list] = halves(text, ':')
  if (mode === 'auto') {
    const size = options(text, list, ['size']).get('size')
    if (size !== undefined && size < 1) throw bad('userns', text, 'has no ids: the size is at least 1')
    return { mode, ...(size === undefined ? {} : { size }) }
  }
  if (mode === 'keep-id') {
    const given = options(text, list, ['uid', 'gid'])
    const [uid, gid] = [given.get('uid'), given.get('gid')]
    return { mode, ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }
  }
  if ((mode !== 'host' && mode !== 'nomap' && mode !== '') || list !== undefined) throw bad('userns', text, `is none of ${USERNS}`)
  return { mode: mode === '' ? 'host' : mode }
}

const CLOCKS = ['monotonic', 'boottime'] as const
/** Half of KTIME_SEC_MAX: what timens_offsets takes. */
const FARTHEST = 4_611_686_018

/** Decimal seconds with up to nine digits behind the point. */
const seconds = (text: string, value: string): string => {
  const plain = /^-?\d{1,10}(?:\.\d{1,9})?$/.test(value)
  const milliseconds = plain ? undefined : parseDuration(value)
  if (!plain && milliseconds === undefined)
    throw bad('time-offset', text, 'has no number of seconds like -86400 or 1.5, and no duration like 36h')
  const found = plain ? value : String(Math.round(milliseconds!) / 1000)
  if (Math.abs(Number(found)) > FARTHEST) throw bad('time-offset', text, `is farther than the ${FARTHEST} seconds that the kernel takes`)
  return found
}

export const readTimeOffsets = (values: readonly string[] | undefined): ContainerRequest['timeOffsets'] => {
  if (values === undefined || values.length === 0) return undefined
  const found: { monotonic?: string; boottime?: string } = {}
  for (const text of values) {
    const [name, value] = halves(text, '=')
    const clock = CLOCKS.find((one) => one === name)
    if (clock === undefined || value === undefined)
      throw bad('time-offset', text, `is not of the form CLOCK=SECONDS; there are the clocks ${CLOCKS.join(' and ')}`)
    if (found[clock] !== undefined) throw new UsageError(`--time-offset: ${clock} is given twice`)
    found[clock] = seconds(text, value)
  }
  return found
}
