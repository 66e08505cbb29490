/** runtime-spec 1.2, config-linux.md: one reader per field. */
import { InvalidField, WherryError } from '../errors.ts'
import { PERSONALITIES, type PersonalityName } from '../sys/abi/personality.ts'
import { NAMESPACE_FLAGS } from '../sys/abi/sched.ts'
import { absolutePath, climbs, entryPath, integer, line, list, object, oneOf, optional, type Parse, required, show } from './field.ts'
import { device } from './parse-devices.ts'
import { idMappings } from './parse-mappings.ts'
import { parseResources } from './parse-resources.ts'
import { seccomp } from './parse-seccomp.ts'
import { sysctl } from './parse-sysctl.ts'
import type {
  Linux,
  LinuxNamespace,
  LinuxNamespaceType,
  LinuxPersonality,
  LinuxRootfsPropagation,
  LinuxTimeOffset,
  LinuxTimeOffsets,
} from './types.ts'

export const NAMESPACE_TYPES: readonly LinuxNamespaceType[] = Object.keys(NAMESPACE_FLAGS).sort() as LinuxNamespaceType[]

const namespaceType = oneOf(NAMESPACE_TYPES)

const namespace: Parse<LinuxNamespace> = (value, path) => {
  const from = object(value, path)
  return { type: required(from, path, 'type', namespaceType), path: optional(from, path, 'path', absolutePath) }
}

const namespaces: Parse<readonly LinuxNamespace[]> = (value, path) => {
  const parsed = list(namespace)(value, path)
  const seen = new Set<string>()
  for (const [index, { type }] of parsed.entries()) {
    if (seen.has(type)) throw new InvalidField(`${path}[${index}].type`, `must be there once, ${type} is there twice`)
    seen.add(type)
  }
  return parsed
}

/** Half of KTIME_SEC_MAX, time_namespaces(7): what timens_offsets takes. */
const MAX_OFFSET = 4_611_686_018
const secs = integer(-MAX_OFFSET, MAX_OFFSET)
const nanosecs = integer(0, 999_999_999)
const CLOCKS = ['monotonic', 'boottime'] as const

const timeOffset: Parse<LinuxTimeOffset> = (value, path) => {
  const from = object(value, path)
  return { secs: optional(from, path, 'secs', secs), nanosecs: optional(from, path, 'nanosecs', nanosecs) }
}

const timeOffsets: Parse<LinuxTimeOffsets> = (value, path) => {
  const from = object(value, path)
  for (const clock of Object.keys(from))
    if (!CLOCKS.some((known) => known === clock)) throw new InvalidField(entryPath(path, clock), `is no clock: ${CLOCKS.join(', ')} are`)
  return { monotonic: optional(from, path, 'monotonic', timeOffset), boottime: optional(from, path, 'boottime', timeOffset) }
}

const cgroupsPath: Parse<string> = (value, path) => {
  const parsed = line(value, path)
  if (climbs(parsed)) throw new InvalidField(path, `must not have .. in it, is ${show(parsed)}`)
  return parsed
}

const rootfsPropagation = oneOf<LinuxRootfsPropagation>([
  'private',
  'rprivate',
  'slave',
  'rslave',
  'shared',
  'rshared',
  'unbindable',
  'runbindable',
])

const domain = oneOf(Object.keys(PERSONALITIES) as PersonalityName[])

const personality =
  (warn: (message: string) => void): Parse<LinuxPersonality> =>
  (value, path) => {
    const from = object(value, path)
    const flags = optional(from, path, 'flags', list(line))
    if (flags?.length) warn(`${path}.flags: ignoring ${flags.map(show).join(', ')}: the spec defines no flags`)
    return { domain: required(from, path, 'domain', domain) }
  }

/** Of the spec's later versions; ignoring them silently would hide why the container lacks what they ask for. */
const LATER = ['netDevices', 'memoryPolicy'] as const

const paths = list(absolutePath)

/** `linux` of config.json. Throws InvalidField. */
export const parseLinux = (value: unknown, path: string, warn: (message: string) => void): Linux => {
  const from = object(value, path)
  if (from['intelRdt'] !== undefined && from['intelRdt'] !== null)
    throw new WherryError('unsupported', `${path}.intelRdt: Intel RDT is not supported by this runtime: remove the field`)
  for (const key of LATER) if (from[key] !== undefined && from[key] !== null) warn(`${path}.${key}: ignored, not supported by this runtime`)
  const joined = optional(from, path, 'namespaces', namespaces)
  const has = (type: LinuxNamespaceType): boolean => joined?.some((one) => one.type === type) ?? false
  return {
    namespaces: joined,
    uidMappings: optional(from, path, 'uidMappings', idMappings),
    gidMappings: optional(from, path, 'gidMappings', idMappings),
    timeOffsets: optional(from, path, 'timeOffsets', timeOffsets),
    devices: optional(from, path, 'devices', list(device)),
    cgroupsPath: optional(from, path, 'cgroupsPath', cgroupsPath),
    rootfsPropagation: optional(from, path, 'rootfsPropagation', rootfsPropagation),
    resources: optional(from, path, 'resources', (resources, at) => parseResources(resources, at, warn)),
    sysctl: optional(from, path, 'sysctl', sysctl(has)),
    seccomp: optional(from, path, 'seccomp', seccomp),
    maskedPaths: optional(from, path, 'maskedPaths', paths),
    readonlyPaths: optional(from, path, 'readonlyPaths', paths),
    mountLabel: optional(from, path, 'mountLabel', line),
    personality: optional(from, path, 'personality', personality(warn)),
  }
}
