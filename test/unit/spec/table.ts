/** Tables of changes to a valid config, and of what the parser must say about each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidField } from '../../../runtime/errors.ts'
import { stringifyJson } from '../../../runtime/spec/json.ts'
import { parseSpec } from '../../../runtime/spec/parse.ts'
import type { Spec } from '../../../runtime/spec/types.ts'

export const BUNDLE = '/bundles/one'

type Json = Record<string, unknown>

/** A config with something in every field that others depend on. */
export const validConfig = (): Json => ({
  ociVersion: '1.2.1',
  root: { path: 'rootfs' },
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], env: ['PATH=/bin'], cwd: '/' },
  hostname: 'box',
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/data', source: '/srv', options: ['rbind'] },
  ],
  linux: {
    namespaces: ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'].map((type) => ({ type })),
    uidMappings: [{ containerID: 0, hostID: 100000, size: 1000 }],
    gidMappings: [{ containerID: 0, hostID: 100000, size: 1000 }],
  },
})

/** Sets, or with undefined deletes, the field at a path like `linux.namespaces[0].type`; makes the objects in between. */
export const change = (config: Json, path: string, value: unknown): Json => {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '')
  let at = config
  for (const key of keys.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Json
  }
  const last = keys.at(-1) ?? ''
  if (value === undefined) delete at[last]
  else at[last] = value
  return config
}

export const withoutNamespace = (type: string): Json => {
  const config = validConfig()
  const linux = config['linux'] as { namespaces: { type: string }[] }
  linux.namespaces = linux.namespaces.filter((one) => one.type !== type)
  return config
}

export const parse = (config: unknown, warn: (message: string) => void = assert.fail): Spec => parseSpec(config, BUNDLE, warn)

/** The path of the field to change, its new value, the path that the error must name ('' for the same), and a part of its message. */
export type Refusal = readonly [set: string, value: unknown, path: string, says: string]

const shorten = (value: unknown): string => (stringifyJson(value) ?? 'deleted').slice(0, 60)

export const refuses = (rows: readonly Refusal[], base: () => Json = validConfig): void => {
  for (const [set, value, path, says] of rows)
    test(`refuses ${set} = ${shorten(value)}`, () => {
      assert.throws(
        () => parse(change(base(), set, value)),
        (error) => {
          assert(error instanceof InvalidField, String(error))
          assert.equal(error.path, path === '' ? set : path, error.message)
          assert(error.message.startsWith(`${error.path}: `), error.message)
          assert(error.message.includes(says), error.message)
          return true
        },
      )
    })
}

/** The path of the field to change, its new value, and what it is in the parsed spec. */
export type Acceptance = readonly [set: string, value: unknown, parsed: unknown]

export const accepts = (rows: readonly Acceptance[], base: () => Json = validConfig): void => {
  for (const [set, value, parsed] of rows)
    test(`accepts ${set} = ${shorten(value)}`, () => {
      let at: unknown = parse(change(base(), set, value))
      for (const key of set.split(/[.[\]]+/).filter((key) => key !== '')) at = (at as Json | undefined)?.[key]
      // Fields that are not set count as absent.
      assert.deepEqual(withoutUndefined(at), parsed)
    })
}

const withoutUndefined = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .map(([key, entry]) => [key, withoutUndefined(entry)]),
  )
}
