/** One file in the format of containers-registries.conf(5), version 2 or 1. */
import { parse, TomlError } from 'smol-toml'
import { WherryError } from '../../runtime/errors.ts'
import { isQualified, parseDomain, parseName, referenceAt, repository } from '../reference.ts'
import { quoted } from '../spec/printable.ts'
import { boolean, invalid, join, type JsonObject, list, object, optional, type Parse, rootPath, text, wrong } from '../spec/field.ts'

/** When a mirror is asked: for references with a digest, for those without, or for all. */
export type MirrorUse = 'all' | 'digest-only' | 'tag-only'

export interface Place {
  /** `host[:port][/path]` */
  readonly location: string
  /** Plain HTTP and certificates of anybody are taken. */
  readonly insecure: boolean
}

export interface Mirror extends Place {
  readonly use: MirrorUse
}

/** A `[[registry]]` table. */
export interface Registry {
  readonly prefix: string
  /** What stands in the place of the prefix; left out: the image is where its name says. */
  readonly location?: string
  readonly insecure: boolean
  readonly blocked: boolean
  readonly mirrors: readonly Mirror[]
  /** The file it stands in, for messages. */
  readonly file: string
}

export type ShortNameMode = 'enforcing' | 'permissive' | 'disabled'

/** What one file says; what it does not say is left out. */
export interface RegistriesFile {
  readonly search?: readonly string[]
  readonly registries: readonly Registry[]
  /** Empty: the alias of an earlier file is taken back. */
  readonly aliases: Readonly<Record<string, string>>
  readonly shortNameMode?: ShortNameMode
  readonly credentialHelpers?: readonly string[]
}

const registryName: Parse<string> = (value, path) => {
  try {
    return parseDomain(text(value, path))
  } catch (error) {
    throw error instanceof WherryError ? invalid(path, error.message) : error
  }
}

/** `host[:port][/path]`, without a scheme. */
const location: Parse<string> = (value, path) => {
  const trimmed = text(value, path).replace(/\/+$/, '')
  if (/^https?:\/\//.test(trimmed)) throw invalid(path, 'must not have a scheme; insecure = true allows plain HTTP')
  const slash = trimmed.indexOf('/')
  try {
    if (slash < 0) parseDomain(trimmed)
    else referenceAt(trimmed.slice(0, slash), trimmed.slice(slash + 1), {}, 'location')
  } catch (error) {
    throw error instanceof WherryError ? invalid(path, error.message) : error
  }
  return trimmed
}

/** A location, which may end in a tag or digest, or `*.host`. */
const prefix: Parse<string> = (value, path) => {
  const trimmed = text(value, path).replace(/\/+$/, '')
  if (trimmed.startsWith('*.')) {
    location(trimmed.slice(2), path)
    if (/[/:]/.test(trimmed)) throw invalid(path, 'a wildcard stands before a host alone: *.example.com')
    return trimmed
  }
  const slash = trimmed.indexOf('/')
  const name = slash < 0 ? trimmed : trimmed.slice(0, slash) + trimmed.slice(slash).replace(/[:@].*$/, '')
  location(name, path)
  return trimmed
}

const USES: readonly MirrorUse[] = ['all', 'digest-only', 'tag-only']

const mirror =
  (digestOnly: boolean): Parse<Mirror> =>
  (value, path) => {
    const from = object(value, path)
    const { 'pull-from-mirror': named } = optional(from, path, 'pull-from-mirror', text)
    const use = USES.find((one) => one === named)
    if (named !== undefined && use === undefined) throw wrong(join(path, 'pull-from-mirror'), `one of ${USES.join(', ')}`, named)
    if (named !== undefined && digestOnly)
      throw invalid(join(path, 'pull-from-mirror'), 'must not be set beside mirror-by-digest-only of the registry')
    const { location: at, insecure = false } = {
      ...optional(from, path, 'location', location),
      ...optional(from, path, 'insecure', boolean),
    }
    if (at === undefined) throw invalid(join(path, 'location'), 'is missing')
    return { location: at, insecure, use: digestOnly ? 'digest-only' : (use ?? 'all') }
  }

const registry =
  (file: string): Parse<Registry> =>
  (value, path) => {
    const from = object(value, path)
    const said = {
      ...optional(from, path, 'prefix', prefix),
      ...optional(from, path, 'location', location),
      ...optional(from, path, 'insecure', boolean),
      ...optional(from, path, 'blocked', boolean),
      ...optional(from, path, 'mirror-by-digest-only', boolean),
    }
    const { mirror: mirrors = [] } = optional(from, path, 'mirror', list(mirror(said['mirror-by-digest-only'] ?? false)))
    const name = said.prefix ?? said.location
    if (name === undefined) throw invalid(path, 'must have a prefix or a location')
    return {
      prefix: name,
      ...(said.location === undefined ? {} : { location: said.location }),
      insecure: said.insecure ?? false,
      blocked: said.blocked ?? false,
      mirrors,
      file,
    }
  }

const aliases: Parse<Readonly<Record<string, string>>> = (value, path) =>
  Object.fromEntries(
    Object.entries(object(value, path)).map(([name, target]) => {
      const at = `${path}[${quoted(name)}]`
      const full = text(target, at)
      const short = parseName(name)
      if (isQualified(name) || short.tag !== undefined || short.digest !== undefined)
        throw invalid(at, 'an alias is a name without registry, tag and digest')
      if (full === '') return [name, '']
      const named = parseName(full)
      if (!isQualified(full) || named.tag !== undefined || named.digest !== undefined)
        throw invalid(at, `must be a name with its registry, without tag and digest, is ${quoted(full)}`)
      return [name, repository(named)]
    }),
  )

const shortNameMode: Parse<ShortNameMode> = (value, path) => {
  if (value !== 'enforcing' && value !== 'permissive' && value !== 'disabled') throw wrong(path, 'enforcing, permissive or disabled', value)
  return value
}

/** `[registries.search] registries = […]` and its like. */
const versionOne = (from: JsonObject, path: string, file: string): RegistriesFile => {
  const named = (key: string): readonly string[] => {
    const { [key]: table } = optional(from, path, key, object)
    return table === undefined ? [] : (optional(table, join(path, key), 'registries', list(registryName)).registries ?? [])
  }
  const insecure = named('insecure')
  const blocked = named('block')
  const registries = [...new Set([...insecure, ...blocked])].map((host) => ({
    prefix: host,
    location: host,
    insecure: insecure.includes(host),
    blocked: blocked.includes(host),
    mirrors: [],
    file,
  }))
  return { search: named('search'), registries, aliases: {} }
}

/** Throws `invalid-argument` with file and place. */
export const parseRegistries = (bytes: Uint8Array, file: string): RegistriesFile => {
  let from: JsonObject
  try {
    from = parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    const where =
      cause instanceof TomlError ? `line ${cause.line}, column ${cause.column}: ${cause.message.split('\n', 1)[0]}` : 'is not TOML'
    throw new WherryError('invalid-argument', `${file}: ${where}`, { cause })
  }
  const root = rootPath(file)
  const { registries: old } = optional(from, root, 'registries', object)
  const said = {
    ...optional(from, root, 'unqualified-search-registries', list(registryName)),
    ...optional(from, root, 'registry', list(registry(file))),
    ...optional(from, root, 'aliases', aliases),
    ...optional(from, root, 'short-name-mode', shortNameMode),
    ...optional(from, root, 'credential-helpers', list(text)),
  }
  if (old !== undefined) {
    if (Object.keys(said).length > 0)
      throw new WherryError('invalid-argument', `${file}: mixes versions 1 ([registries.…]) and 2 of the format`)
    return versionOne(old, join(root, 'registries'), file)
  }
  const prefixes = new Set<string>()
  for (const { prefix: name } of said.registry ?? []) {
    if (prefixes.has(name)) throw new WherryError('invalid-argument', `${file}: has two [[registry]] tables for ${quoted(name)}`)
    prefixes.add(name)
  }
  return {
    ...(said['unqualified-search-registries'] === undefined ? {} : { search: said['unqualified-search-registries'] }),
    registries: said.registry ?? [],
    aliases: said.aliases ?? {},
    ...(said['short-name-mode'] === undefined ? {} : { shortNameMode: said['short-name-mode'] }),
    ...(said['credential-helpers'] === undefined ? {} : { credentialHelpers: said['credential-helpers'] }),
  }
}
