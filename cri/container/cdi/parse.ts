/** A CDI specification as a file has it: SPEC.md 1.0 of the Container Device Interface, "CDI JSON Specification". */
import { InvalidField } from '../../../runtime/errors.ts'
import {
  absolutePath,
  id,
  int53,
  type JsonObject,
  list,
  nonEmpty,
  object,
  oneOf,
  optional,
  type Parse,
  required,
  text,
  uint32,
} from '../../../runtime/spec/field.ts'
import { HOOK_NAMES, hook } from '../../../runtime/spec/parse-hooks.ts'
import type { Hook, HookName, LinuxDeviceType } from '../../../runtime/spec/types.ts'
import type { CdiMount } from './types.ts'

export interface CdiNode {
  /** In the container. */
  readonly path: string
  readonly hostPath: string
  readonly type?: LinuxDeviceType
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly permissions: string
  readonly uid?: number
  readonly gid?: number
}

export interface CdiContainerEdits {
  readonly env: readonly string[]
  readonly deviceNodes: readonly CdiNode[]
  readonly mounts: readonly CdiMount[]
  readonly hooks: readonly (readonly [HookName, Hook])[]
  readonly additionalGids: readonly number[]
}

export interface CdiSpec {
  /** `vendor.com/class` */
  readonly kind: string
  readonly devices: ReadonlyMap<string, CdiContainerEdits>
  /** Made once for a container that has any device of the file. */
  readonly edits: CdiContainerEdits
}

const variable: Parse<string> = (value, path) => {
  const entry = text(value, path)
  if (!/^[^=]+=/.test(entry)) throw new InvalidField(path, 'must be NAME=value')
  return entry
}

const permissions: Parse<string> = (value, path) => {
  const letters = text(value, path)
  if (!/^[rwm]+$/.test(letters)) throw new InvalidField(path, 'must be letters of rwm')
  return letters
}

const given = <K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T }

const TYPES = { b: 'b', c: 'c', u: 'c', p: 'p' } as const

const deviceType: Parse<LinuxDeviceType> = (value, path) => TYPES[oneOf(['b', 'c', 'u', 'p'] as const)(value, path)]

const node: Parse<CdiNode> = (value, path) => {
  const from = object(value, path)
  const inside = required(from, path, 'path', absolutePath)
  return {
    path: inside,
    hostPath: optional(from, path, 'hostPath', absolutePath) ?? inside,
    ...given('type', optional(from, path, 'type', deviceType)),
    ...given('major', optional(from, path, 'major', int53)),
    ...given('minor', optional(from, path, 'minor', int53)),
    ...given('fileMode', optional(from, path, 'fileMode', uint32)),
    permissions: optional(from, path, 'permissions', permissions) ?? 'rwm',
    ...given('uid', optional(from, path, 'uid', id)),
    ...given('gid', optional(from, path, 'gid', id)),
  }
}

const mount: Parse<CdiMount> = (value, path) => {
  const from = object(value, path)
  return {
    hostPath: required(from, path, 'hostPath', nonEmpty),
    containerPath: required(from, path, 'containerPath', absolutePath),
    ...given('type', optional(from, path, 'type', nonEmpty)),
    options: optional(from, path, 'options', list(nonEmpty)) ?? [],
  }
}

const namedHook: Parse<readonly [HookName, Hook]> = (value, path) => [
  required(object(value, path), path, 'hookName', oneOf(HOOK_NAMES)),
  hook(value, path),
]

const containerEdits: Parse<CdiContainerEdits> = (value, path) => {
  const from = object(value, path)
  for (const key of ['intelRdt', 'netDevices'])
    if (optional(from, path, key, (entry) => entry) !== undefined)
      throw new InvalidField(`${path}.${key}`, 'is not supported by this runtime')
  return {
    env: optional(from, path, 'env', list(variable)) ?? [],
    deviceNodes: optional(from, path, 'deviceNodes', list(node)) ?? [],
    mounts: optional(from, path, 'mounts', list(mount)) ?? [],
    hooks: optional(from, path, 'hooks', list(namedHook)) ?? [],
    additionalGids: optional(from, path, 'additionalGids', list(id)) ?? [],
  }
}

const NO_EDITS: CdiContainerEdits = { env: [], deviceNodes: [], mounts: [], hooks: [], additionalGids: [] }

const VERSIONS = /^(0\.[3-8]\.0|1\.[01]\.0)$/
const KIND = /^[A-Za-z0-9][A-Za-z0-9_.-]*\/[A-Za-z0-9][A-Za-z0-9_-]*$/

const kindOf = (from: JsonObject): string => {
  const version = required(from, '', 'cdiVersion', text)
  if (!VERSIONS.test(version)) throw new InvalidField('cdiVersion', `${JSON.stringify(version)} is not known: 0.3.0 to 1.1.0 are`)
  const kind = required(from, '', 'kind', text)
  if (!KIND.test(kind)) throw new InvalidField('kind', 'must be vendor/class')
  return kind
}

/** Throws `invalid-argument` with the path of the field. */
export const parseCdi = (value: unknown): CdiSpec => {
  const from = object(value, '')
  const kind = kindOf(from)
  const devices = new Map<string, CdiContainerEdits>()
  for (const [index, device] of required(from, '', 'devices', list(object)).entries()) {
    const path = `devices[${index}]`
    const name = required(device, path, 'name', nonEmpty)
    if (devices.has(name)) throw new InvalidField(`${path}.name`, `${JSON.stringify(name)} is there twice`)
    devices.set(name, required(device, path, 'containerEdits', containerEdits))
  }
  return { kind, devices, edits: optional(from, '', 'containerEdits', containerEdits) ?? NO_EDITS }
}
