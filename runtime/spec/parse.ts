/** config.json to Spec: runtime-spec 1.2, config.md. */
import { InvalidField } from '../errors.ts'
import { CHECKS } from './check.ts'
import { boolean, inBundle, line, list, map, nonEmpty, object, optional, type Parse, required, text, wrong } from './field.ts'
import { hooks } from './parse-hooks.ts'
import { parseLinux } from './parse-linux.ts'
import { mount } from './parse-mounts.ts'
import { NO_PROCESS, parseProcess } from './parse-process.ts'
import type { Root, Spec } from './types.ts'
import { ociVersion } from './version.ts'

const root =
  (bundle: string): Parse<Root> =>
  (value, path) => {
    const from = object(value, path)
    return { path: inBundle(bundle, required(from, path, 'path', nonEmpty)), readonly: optional(from, path, 'readonly', boolean) }
  }

/** __NEW_UTS_LEN, sethostname(2). */
const MAX_NAME = 64

const utsName: Parse<string> = (value, path) => {
  const name = line(value, path)
  if (Buffer.byteLength(name) > MAX_NAME) throw wrong(path, `at most ${MAX_NAME} bytes long`, name)
  return name
}

const annotations: Parse<Readonly<Record<string, string>>> = (value, path) => {
  const parsed = map(text)(value, path)
  if (Object.hasOwn(parsed, '')) throw new InvalidField(path, 'must not have an empty key')
  return parsed
}

/**
 * The config that `json` holds, with paths relative to `bundle` (absolute) made absolute. Unknown fields are ignored, as the spec demands;
 * what runtimes only warn about goes to `warn`. Throws InvalidField with the JSON path of the first field that is wrong.
 */
export const parseSpec = (json: unknown, bundle: string, warn: (message: string) => void): Spec => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong('config.json', 'an object', json)
  const from = object(json, '')
  const spec: Spec = {
    ociVersion: required(from, '', 'ociVersion', ociVersion),
    root: required(from, '', 'root', root(bundle)),
    process: optional(from, '', 'process', (value, path) => parseProcess(value, path, warn)) ?? NO_PROCESS,
    hostname: optional(from, '', 'hostname', utsName),
    domainname: optional(from, '', 'domainname', utsName),
    mounts: optional(from, '', 'mounts', list(mount(bundle, warn))),
    hooks: optional(from, '', 'hooks', hooks),
    annotations: optional(from, '', 'annotations', annotations),
    linux: optional(from, '', 'linux', (value, path) => parseLinux(value, path, warn)) ?? {},
  }
  for (const check of CHECKS) check(spec)
  return spec
}
