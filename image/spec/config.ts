/** image-spec config.md, and Docker’s additions to it. */
import { platformOf } from './descriptor.ts'
import {
  boolean,
  digest,
  integer,
  invalid,
  join,
  keys,
  line,
  list,
  map,
  noLookalikes,
  object,
  optional,
  type Parse,
  required,
  rootPath,
  text,
  wrong,
} from './field.ts'
import { parseJson } from './json.ts'
import { MOST_LAYERS } from './manifest.ts'
import { quoted } from './printable.ts'
import type { ContainerConfig, Healthcheck, History, ImageConfig, Manifest } from './types.ts'

const MOST_HISTORY = 2000
const PATH_MAX = 4096

/** environ(7): tabs and line ends are a value’s own affair, other control characters no value has in good faith; in HOME none. */
const VARIABLE_CONTROL = /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/

/** `NAME=value`. */
export const variable: Parse<string> = (value, path) => {
  const string = text(value, path)
  const equals = string.indexOf('=')
  if (equals < 1) throw wrong(path, 'NAME=value', string)
  line(string.slice(0, equals), path)
  if (string.startsWith('HOME=')) line(string, path)
  if (VARIABLE_CONTROL.test(string)) throw invalid(path, `must not have control characters, is ${quoted(string)}`)
  return string
}

const path: Parse<string> = (value, at) => {
  const string = line(value, at)
  if (Buffer.byteLength(string) >= PATH_MAX) throw invalid(at, `must be shorter than ${PATH_MAX} bytes`)
  return string
}

const nanoseconds = integer(0, Number.MAX_SAFE_INTEGER)

const healthcheck: Parse<Healthcheck> = (value, at) => {
  const from = object(value, at)
  return {
    ...optional(from, at, 'Test', list(text)),
    ...optional(from, at, 'Interval', nanoseconds),
    ...optional(from, at, 'Timeout', nanoseconds),
    ...optional(from, at, 'StartPeriod', nanoseconds),
    ...optional(from, at, 'StartInterval', nanoseconds),
    ...optional(from, at, 'Retries', integer(0, 0x7fff_ffff)),
  }
}

const CONFIG = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'Healthcheck',
  'Shell',
  'OnBuild',
]

const containerConfig: Parse<ContainerConfig> = (value, at) => {
  const from = object(value, at)
  noLookalikes(from, at, CONFIG)
  return {
    ...optional(from, at, 'User', line),
    ...optional(from, at, 'ExposedPorts', keys),
    ...optional(from, at, 'Env', list(variable)),
    ...optional(from, at, 'Entrypoint', list(text)),
    ...optional(from, at, 'Cmd', list(text)),
    ...optional(from, at, 'Volumes', keys),
    ...optional(from, at, 'WorkingDir', path),
    ...optional(from, at, 'Labels', map(text)),
    ...optional(from, at, 'StopSignal', line),
    ...optional(from, at, 'Healthcheck', healthcheck),
    ...optional(from, at, 'Shell', list(text)),
    ...optional(from, at, 'OnBuild', list(text)),
  }
}

const history: Parse<History> = (value, at) => {
  const from = object(value, at)
  return {
    ...optional(from, at, 'created', line),
    ...optional(from, at, 'created_by', text),
    ...optional(from, at, 'author', text),
    ...optional(from, at, 'comment', text),
    ...optional(from, at, 'empty_layer', boolean),
  }
}

const IMAGE = ['created', 'author', 'architecture', 'os', 'os.version', 'os.features', 'variant', 'config', 'rootfs', 'history']

/**
 * `what` names the document in errors: `docker.io/library/alpine:3.19: config sha256:…`. Throws `invalid-argument` with the JSON path.
 * Texts for people (history, author, values of labels) may still have control characters: `printable` them for a terminal.
 */
export const parseImageConfig = (bytes: Uint8Array, what = 'image config'): ImageConfig => {
  const root = rootPath(what)
  const from = object(parseJson(bytes, what), root)
  noLookalikes(from, root, IMAGE)
  const rootfs = required(from, root, 'rootfs', object)
  const at = join(root, 'rootfs')
  if (rootfs['type'] !== 'layers') throw wrong(join(at, 'type'), '"layers"', rootfs['type'])
  return {
    ...platformOf(from, root),
    ...optional(from, root, 'created', line),
    ...optional(from, root, 'author', text),
    config: optional(from, root, 'config', containerConfig).config ?? {},
    rootfs: { diff_ids: optional(rootfs, at, 'diff_ids', list(digest, MOST_LAYERS)).diff_ids ?? [] },
    history: optional(from, root, 'history', list(history, MOST_HISTORY)).history ?? [],
  }
}

/** A layer of the manifest for each diff-id of the config, or `invalid-argument`. */
export const requireSameLayers = (manifest: Manifest, config: ImageConfig, what = 'image'): void => {
  const { length } = config.rootfs.diff_ids
  if (length !== manifest.layers.length)
    throw invalid(rootPath(what), `the manifest has ${manifest.layers.length} layers, the config has diff-ids of ${length}`)
}
