/**
 * Profiles of seccomp as people have them in files: in docker's format, whose rules depend on architecture, capabilities and kernel, with
 * containers-common's names of errnos; or in that of the runtime-spec, which knows no conditions.
 */
import { InvalidField, WherryError } from '../errors.ts'
import { type JsonObject, list, object, optional, type Parse, text, wrong } from '../spec/field.ts'
import { parseJson } from '../spec/json.ts'
import { seccomp } from '../spec/parse-seccomp.ts'
import type { LinuxSeccomp } from '../spec/types.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import type { Arch } from '../sys/abi/syscalls.ts'

export interface ProfileConditions {
  /** The bounding set, by name. */
  readonly capabilities: ReadonlySet<string>
  readonly arch: Arch
  /** The running kernel's version. */
  readonly kernel: readonly [major: number, minor: number]
}

/** Architectures by their names in Go, which conditions have. */
const GO_ARCHES: Readonly<Record<Arch, readonly string[]>> = { x64: ['amd64', 'x86_64', 'x32', 'x86'], arm64: ['arm64', 'aarch64', 'arm'] }
const OWN_ARCH: Readonly<Record<Arch, string>> = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' }

const texts = list(text)

const kernelVersion: Parse<readonly [number, number]> = (value, path) => {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(text(value, path)) ?? []
  if (major === undefined) throw wrong(path, 'a version of the kernel like 4.8', value)
  return [Number(major), Number(minor)]
}

interface Condition {
  readonly caps: readonly string[]
  readonly arches: readonly string[]
  readonly minKernel: readonly [number, number] | undefined
}

const condition: Parse<Condition> = (value, path) => {
  const from = object(value, path)
  return {
    caps: optional(from, path, 'caps', texts) ?? [],
    arches: optional(from, path, 'arches', texts) ?? [],
    minKernel: optional(from, path, 'minKernel', kernelVersion),
  }
}

const atLeast = (kernel: readonly [number, number], wanted: readonly [number, number]): boolean =>
  kernel[0] > wanted[0] || (kernel[0] === wanted[0] && kernel[1] >= wanted[1])

const applies = (rule: JsonObject, path: string, { capabilities, arch, kernel }: ProfileConditions): boolean => {
  const includes = optional(rule, path, 'includes', condition)
  const excludes = optional(rule, path, 'excludes', condition)
  const own = (name: string): boolean => GO_ARCHES[arch].includes(name)
  if (includes !== undefined) {
    if (includes.arches.length > 0 && !includes.arches.some(own)) return false
    if (!includes.caps.every((name) => capabilities.has(name))) return false
    if (includes.minKernel !== undefined && !atLeast(kernel, includes.minKernel)) return false
  }
  if (excludes === undefined) return true
  return !(
    excludes.arches.some(own) ||
    excludes.caps.some((name) => capabilities.has(name)) ||
    (excludes.minKernel !== undefined && atLeast(kernel, excludes.minKernel))
  )
}

/** containers-common writes errnos by name, beside docker's number or without it. */
const errnoOf = (from: JsonObject, path: string, name: string, number: string): unknown => {
  const given = optional(from, path, name, text)
  if (given === undefined) return from[number]
  const found = ERRNO[given as keyof typeof ERRNO]
  if (found === undefined) throw wrong(`${path}.${name}`, 'the name of an errno', given)
  return found
}

const rule = (value: JsonObject, path: string): unknown => {
  const { name, names, action, args } = value
  const errno = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE' ? errnoOf(value, path, 'errno', 'errnoRet') : undefined
  if (name !== undefined && name !== '' && Array.isArray(names) && names.length > 0)
    throw new InvalidField(path, 'must not have both name and names')
  return {
    names: name === undefined || name === '' ? names : [name],
    action,
    args,
    ...(errno === undefined || errno === null ? {} : { errnoRet: errno }),
  }
}

const architectures = (from: JsonObject, path: string, arch: Arch): unknown => {
  const map = optional(from, path, 'archMap', list(object))
  if (map === undefined || map.length === 0) return from['architectures']
  if (Array.isArray(from['architectures']) && from['architectures'].length > 0)
    throw new InvalidField(path, 'must not have both architectures and archMap')
  const own = map.find(({ architecture }) => architecture === OWN_ARCH[arch])
  if (own === undefined) return undefined
  return [own['architecture'], ...(optional(own, `${path}.archMap`, 'subArchitectures', texts) ?? [])]
}

/** What the profile comes to under the conditions. Throws WherryError. @param profile JSON */
export const readSeccompProfile = (profile: string, conditions: ProfileConditions): LinuxSeccomp => {
  let value: unknown
  try {
    value = parseJson(profile)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new WherryError('invalid-argument', `it is not valid JSON: ${error.message}`)
  }
  const path = 'profile'
  const from = object(value, path)
  const rules = optional(from, path, 'syscalls', list(object)) ?? []
  const isErrno = from['defaultAction'] === 'SCMP_ACT_ERRNO'
  const defaultErrno = isErrno ? errnoOf(from, path, 'defaultErrno', 'defaultErrnoRet') : undefined
  const parsed = seccomp(
    {
      defaultAction: from['defaultAction'],
      ...(defaultErrno === undefined || defaultErrno === null ? {} : { defaultErrnoRet: defaultErrno }),
      architectures: architectures(from, path, conditions.arch),
      flags: from['flags'],
      listenerPath: from['listenerPath'],
      listenerMetadata: from['listenerMetadata'],
      syscalls: rules
        .filter((one, index) => applies(one, `${path}.syscalls[${index}]`, conditions))
        .map((one, index) => rule(one, `${path}.syscalls[${index}]`)),
    },
    path,
  )
  if (parsed === undefined) throw new InvalidField(`${path}.defaultAction`, 'must be there')
  return parsed
}

const NONE: ReadonlySet<string> = new Set()

/** Throws WherryError for what is no profile on either architecture. */
export const checkSeccompProfile = (profile: string): void => {
  for (const arch of ['x64', 'arm64'] as const) readSeccompProfile(profile, { capabilities: NONE, arch, kernel: [999, 0] })
}
