/** containers-registries.conf(5) and .conf.d(5): which servers an image is asked of, and what a short name stands for. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { canonical, isQualified, parseName, parseReference, type Reference, referenceAt, repository, withDefaultTag } from '../reference.ts'
import { fileError, readSettings, requireSettings } from './file.ts'
import { type Mirror, parseRegistries, type RegistriesFile, type Registry, type ShortNameMode } from './registries-file.ts'
import { configHome, type Surroundings, surroundings, variable } from './surroundings.ts'
import { quoted } from '../spec/printable.ts'

export interface Registries {
  /** Hosts that short names are looked for at, in order; without any it is docker.io. */
  readonly search: readonly string[]
  readonly registries: readonly Registry[]
  readonly aliases: Readonly<Record<string, string>>
  readonly shortNameMode: ShortNameMode
  /** Where credentials are looked for: names of helpers, `containers-auth.json` for the files. */
  readonly credentialHelpers: readonly string[]
}

/** A server to ask for an image. */
export interface Endpoint {
  /** What to ask for, and where: the image’s own name, or what a mirror calls it. */
  readonly reference: Reference
  readonly insecure: boolean
  readonly mirror: boolean
}

export const AUTH_FILES = 'containers-auth.json'
const VARIABLE = 'CONTAINERS_REGISTRIES_CONF'

const NOTHING: Registries = { search: [], registries: [], aliases: {}, shortNameMode: 'permissive', credentialHelpers: [AUTH_FILES] }

/** Tables of the same prefix are replaced, other lists as a whole, aliases one by one. */
const merge = (before: Registries, file: RegistriesFile): Registries => ({
  search: file.search ?? before.search,
  registries: [...before.registries.filter(({ prefix }) => !file.registries.some((one) => one.prefix === prefix)), ...file.registries],
  aliases: { ...before.aliases, ...file.aliases },
  shortNameMode: file.shortNameMode ?? before.shortNameMode,
  credentialHelpers: file.credentialHelpers ?? before.credentialHelpers,
})

/** Drop-ins in the order in which they are read. */
const dropIns = (folder: string): string[] => {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name))
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return []
    throw fileError(folder, 'read', cause)
  }
}

/**
 * $CONTAINERS_REGISTRIES_CONF, else the user’s file, else the system’s; then drop-ins of the system (unless the user’s file was read) and of
 * the user. Throws `invalid-argument` with file and place.
 */
export const readRegistries = (around: Surroundings = surroundings()): Registries => {
  const system = join(around.etc, 'containers')
  const own = join(configHome(around), 'containers')
  const named = variable(around, VARIABLE)
  const userFile = named === undefined ? readSettings(join(own, 'registries.conf')) : undefined
  const [path, bytes] =
    named !== undefined
      ? [named, requireSettings(named, `$${VARIABLE}`)]
      : userFile !== undefined
        ? [join(own, 'registries.conf'), userFile]
        : [join(system, 'registries.conf'), readSettings(join(system, 'registries.conf'))]
  const main = bytes === undefined ? NOTHING : merge(NOTHING, parseRegistries(bytes, path))
  const folders = [...(userFile === undefined ? [join(system, 'registries.conf.d')] : []), join(own, 'registries.conf.d')]
  return folders.flatMap(dropIns).reduce((before, file) => {
    const text = readSettings(file)
    return text === undefined ? before : merge(before, parseRegistries(text, file))
  }, main)
}

/** Length of the part of the image’s canonical name that the prefix stands for; 0 if it does not match. */
const matched = (prefix: string, reference: Reference): number => {
  const { domain } = reference
  if (prefix.startsWith('*.')) {
    const host = domain.replace(/:[0-9]+$/, '')
    const rest = prefix.slice(1)
    return host.endsWith(rest) && host.length > rest.length ? host.length : 0
  }
  const name = canonical(reference)
  if (!prefix.includes('/')) return domain === prefix ? prefix.length : 0
  return name.startsWith(prefix) && /^(?:$|[/:@])/.test(name.slice(prefix.length)) ? prefix.length : 0
}

/** A wildcard counts by its own length, so that the host written out goes before it. */
const registryFor = (reference: Reference, { registries }: Registries): Registry | undefined =>
  registries
    .filter(({ prefix }) => matched(prefix, reference) > 0)
    .sort((a, b) => b.prefix.length - a.prefix.length)
    .at(0)

const at = (location: string, prefix: string, reference: Reference): Reference => {
  const name = location + repository(reference).slice(matched(prefix, reference))
  const slash = name.indexOf('/')
  return referenceAt(name.slice(0, slash), name.slice(slash + 1), reference, `location of ${canonical(reference)}`)
}

const isWanted = ({ use }: Mirror, { digest }: Reference): boolean => use === 'all' || (use === 'digest-only') === (digest !== undefined)

/**
 * Servers to read `reference` from, best first: mirrors, then the registry itself. Throws `permission-denied` where the image is blocked.
 */
export const endpointsFor = (reference: Reference, registries: Registries): readonly Endpoint[] => {
  const registry = registryFor(reference, registries)
  if (registry === undefined) return [{ reference, insecure: false, mirror: false }]
  const { prefix, location, insecure, mirrors, blocked, file } = registry
  if (blocked) throw new WherryError('permission-denied', `${canonical(reference)}: registry ${prefix} is blocked in ${file}`)
  return [
    ...mirrors
      .filter((mirror) => isWanted(mirror, reference))
      .map((mirror) => ({ reference: at(mirror.location, prefix, reference), insecure: mirror.insecure, mirror: true })),
    { reference: location === undefined ? reference : at(location, prefix, reference), insecure, mirror: false },
  ]
}

/** The server to write `reference` to, which is never a mirror and never another place. Throws `permission-denied` where it is blocked. */
export const pushEndpointFor = (reference: Reference, registries: Registries): Endpoint => {
  const registry = registryFor(reference, registries)
  if (registry?.blocked === true)
    throw new WherryError('permission-denied', `${canonical(reference)}: registry ${registry.prefix} is blocked in ${registry.file}`)
  return { reference, insecure: registry?.insecure ?? false, mirror: false }
}

/** Whether plain HTTP and any certificate will do for a host: what `login` asks. */
export const isInsecure = (domain: string, { registries }: Registries): boolean =>
  registries.find(({ prefix }) => prefix === domain)?.insecure ??
  registries.some(({ prefix, insecure }) => insecure && matched(prefix, { domain, path: 'x' }) > 0)

/**
 * What `text` may stand for, in the order to try: itself where it names its registry, its alias, the search registries, docker.io.
 * Throws `failed-precondition` where several would do and short-name-mode forbids to guess.
 */
export const candidatesFor = (text: string, { aliases, search, shortNameMode }: Registries): readonly Reference[] => {
  if (isQualified(text)) return [parseReference(text)]
  const { path, ...suffix } = parseName(text)
  const short = text.replace(/[:@].*$/, '')
  const alias = Object.hasOwn(aliases, short) ? aliases[short] : undefined
  const names = alias === undefined || alias === '' ? search.map((host) => `${host}/${short}`) : [alias]
  if (names.length === 0) return [parseReference(text)]
  if (names.length > 1 && shortNameMode === 'enforcing')
    throw new WherryError(
      'failed-precondition',
      `${quoted(text, 200)} may be ${names.join(' or ')}, and short-name-mode is enforcing: write the name with its registry`,
    )
  return names.map((name) => {
    const { domain, path } = parseName(name)
    return withDefaultTag(referenceAt(domain, path, suffix, 'image reference'))
  })
}
