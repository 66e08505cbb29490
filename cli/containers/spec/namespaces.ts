/** Namespaces of a container: its own, the machine's (which are not named), or another container's. */
import { WherryError } from '../../../runtime/errors.ts'
import type { LinuxNamespace, LinuxNamespaceType, LinuxTimeOffset, LinuxTimeOffsets } from '../../../runtime/spec/types.ts'
import { shortId } from '../ids.ts'
import type { ContainerRequest } from '../request.ts'
import type { SpecFacts } from './facts.ts'

/** Files below /proc/PID/ns. */
const FILES = { network: 'net', pid: 'pid', ipc: 'ipc', uts: 'uts', user: 'user' } as const

const joined = (type: keyof typeof FILES, container: string, { inits }: Pick<SpecFacts, 'inits'>): LinuxNamespace => {
  const pid = inits.get(container)
  if (pid === undefined)
    throw new WherryError(
      'failed-precondition',
      `container ${shortId(container)}, whose ${type} namespace is wanted, does not run: start it first`,
    )
  return { type, path: `/proc/${pid}/ns/${FILES[type]}` }
}

type Request = Pick<ContainerRequest, 'network' | 'pid' | 'ipc' | 'uts' | 'cgroup' | 'userns' | 'timeOffsets'>

/** Whether the container gets a new namespace of this type. */
export const isOwn = (request: Request, type: 'network' | 'pid' | 'ipc' | 'uts' | 'cgroup'): boolean => {
  const { mode } = request[type]
  return mode !== 'host' && mode !== 'container'
}

export const namespacesOf = (request: Request, facts: Pick<SpecFacts, 'inits'>): readonly LinuxNamespace[] => {
  const one = (type: 'network' | 'pid' | 'ipc' | 'uts'): readonly LinuxNamespace[] => {
    const { mode, container } = request[type]
    if (mode === 'host') return []
    return [mode === 'container' ? joined(type, container!, facts) : { type }]
  }
  const { userns } = request
  const fresh = (type: LinuxNamespaceType, wanted: boolean): readonly LinuxNamespace[] => (wanted ? [{ type }] : [])
  return [
    ...one('pid'),
    ...one('network'),
    ...one('ipc'),
    ...one('uts'),
    { type: 'mount' },
    ...fresh('cgroup', isOwn(request, 'cgroup')),
    ...(userns.mode === 'container' ? [joined('user', userns.container!, facts)] : fresh('user', userns.mode !== 'host')),
    ...fresh('time', request.timeOffsets !== undefined),
  ]
}

const BILLION = 1_000_000_000

/** Whole seconds and nanoseconds from 0 on, as timens_offsets has them: -1.5 is -2 and 500000000. */
const offset = (text: string | undefined): LinuxTimeOffset | undefined => {
  if (text === undefined) return undefined
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text)!
  const nanosecs = Number(fraction.padEnd(9, '0'))
  const secs = Number(whole)
  if (sign === '') return { secs, nanosecs }
  return nanosecs === 0 ? { secs: -secs, nanosecs } : { secs: -secs - 1, nanosecs: BILLION - nanosecs }
}

export const timeOffsetsOf = ({ timeOffsets }: Request): LinuxTimeOffsets | undefined => {
  if (timeOffsets === undefined) return undefined
  const [monotonic, boottime] = [offset(timeOffsets.monotonic), offset(timeOffsets.boottime)]
  return { ...(monotonic === undefined ? {} : { monotonic }), ...(boottime === undefined ? {} : { boottime }) }
}
