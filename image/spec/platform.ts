/** Platforms: image-index.md "platform", and which manifest of an index is for which, as containerd decides it. */
import { closeSync, openSync, readSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isIndexType, isManifestType } from './media-types.ts'
import { quoted } from './printable.ts'
import type { Descriptor, Index, Platform } from './types.ts'

const COMPONENT = /^[A-Za-z0-9_.-]{1,64}$/
/** Maps, because an image may call its platform `constructor`. */
const OS_ALIASES: ReadonlyMap<string, string> = new Map([['macos', 'darwin']])
/** Architectures by their other names, with the variant that the name implies. */
const ARCHITECTURE_ALIASES: ReadonlyMap<string, readonly [string, string?]> = new Map([
  ['i386', ['386']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
])
const ARCHITECTURES: readonly string[] = ['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips64le', 'ppc64le', 'riscv64', 's390x', 'wasm']
const OSES: readonly string[] = [
  'linux',
  'windows',
  'darwin',
  'freebsd',
  'netbsd',
  'openbsd',
  'illumos',
  'solaris',
  'aix',
  'android',
  'wasip1',
]
/** What each architecture is where no variant is named. */
const BASE_VARIANT: ReadonlyMap<string, string> = new Map([
  ['amd64', 'v1'],
  ['arm', 'v7'],
  ['arm64', 'v8'],
])
/** The lowest number of each architecture’s variants. */
const LOWEST_VARIANT: ReadonlyMap<string, number> = new Map([
  ['amd64', 1],
  ['arm', 5],
  ['arm64', 8],
])

/** `8`, `v8`, `v8.0` → `v8`. */
const normalVariant = (architecture: string, variant: string): string => {
  const lower = variant.toLowerCase()
  const numbered = /^v?([0-9]+)(?:\.0)?$/.exec(lower)
  const base = BASE_VARIANT.get(architecture)
  const full = numbered === null || base === undefined ? lower : `v${numbered[1]}`
  return full === base && architecture !== 'arm' ? '' : full
}

/** One spelling per platform: `x86_64` → `amd64`, arm64’s `v8` and amd64’s `v1` → no variant, `arm` → `arm/v7`. */
export const normalizePlatform = (platform: Platform): Platform => {
  const os = platform.os.toLowerCase()
  const lower = platform.architecture.toLowerCase()
  const [architecture, implied] = ARCHITECTURE_ALIASES.get(lower) ?? [lower]
  const named = platform.variant === undefined || platform.variant === '' ? implied : platform.variant
  const variant = named === undefined ? (architecture === 'arm' ? 'v7' : '') : normalVariant(architecture, named)
  const { variant: _, ...rest } = platform
  return { ...rest, os: OS_ALIASES.get(os) ?? os, architecture, ...(variant === '' ? {} : { variant }) }
}

/** `linux/arm/v7`, `windows/amd64:10.0.17763` */
export const formatPlatform = (platform: Platform): string => {
  const { os, architecture, variant } = platform
  const version = platform['os.version']
  return `${os}/${architecture}${variant === undefined ? '' : `/${variant}`}${version === undefined ? '' : `:${version}`}`
}

const LEVELS: readonly (readonly [string, readonly string[]])[] = [
  ['v2', ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3']],
  ['v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']],
  ['v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
]

/** x86-64 psABI, "micro-architecture levels"; `cpuinfo` is the beginning of proc_cpuinfo(5). */
export const amd64Level = (cpuinfo: string): string | undefined => {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(' '))
  let level: string | undefined
  for (const [name, needed] of LEVELS) {
    if (!needed.every((flag) => flags.has(flag))) break
    level = name
  }
  return level
}

/** One processor’s entry; there may be hundreds. */
const firstProcessor = (): string => {
  const bytes = Buffer.alloc(8192)
  const fd = openSync('/proc/cpuinfo', 'r')
  try {
    return bytes.toString('latin1', 0, readSync(fd, bytes))
  } finally {
    closeSync(fd)
  }
}

let host: Platform | undefined

/** This machine’s platform, with amd64’s level as its variant. */
export const hostPlatform = (): Platform => {
  if (host !== undefined) return host
  const level = process.arch === 'x64' ? amd64Level(firstProcessor()) : undefined
  host = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch, ...(level === undefined ? {} : { variant: level }) }
  return host
}

/** `os/architecture[/variant][:os-version]`, or one word that is the one or the other, the rest being the machine’s. Throws `invalid-argument`. */
export const parsePlatform = (text: string): Platform => {
  const fail = (problem: string): WherryError =>
    new WherryError('invalid-argument', `platform ${quoted(text)}: ${problem}; wanted is os/architecture[/variant]: linux/arm64`)
  const colon = text.indexOf(':')
  const version = colon < 0 ? undefined : text.slice(colon + 1)
  const parts = (colon < 0 ? text : text.slice(0, colon)).split('/')
  if (parts.length > 3) throw fail('has more than three parts')
  for (const part of version === undefined ? parts : [...parts, version])
    if (!COMPONENT.test(part)) throw fail(part === '' ? 'has an empty part' : `${quoted(part)} is no part of a platform`)
  const [first = '', second, variant] = parts
  const osVersion = version === undefined ? {} : { 'os.version': version }
  if (second !== undefined)
    return normalizePlatform({ os: first, architecture: second, ...(variant === undefined ? {} : { variant }), ...osVersion })
  const { os, architecture } = hostPlatform()
  const guess = normalizePlatform({ os: first, architecture: first })
  if (OSES.includes(guess.os)) return { os: guess.os, architecture, ...osVersion }
  if (ARCHITECTURES.includes(guess.architecture)) return { ...guess, os, ...osVersion }
  throw fail(`${quoted(first)} is neither a known operating system nor a known architecture`)
}

const numberOf = (variant: string): number => Number(/^v([0-9]{1,2})$/.exec(variant)?.[1] ?? Number.NaN)

/** `v3` → `v3`, `v2`, `v1`: what a processor of this variant runs, best first. */
const downFrom = (architecture: string, variant: string | undefined): string[] => {
  const name = variant ?? BASE_VARIANT.get(architecture) ?? ''
  const top = numberOf(name)
  const bottom = LOWEST_VARIANT.get(architecture)
  if (Number.isNaN(top) || bottom === undefined) return [name]
  return Array.from({ length: Math.max(top - bottom + 1, 1) }, (_, index) => `v${top - index}`)
}

/** Platforms whose images run on `wanted`, best first; with `emulated` also the 32-bit architecture of a 64-bit processor. */
const accepted = (wanted: Platform, emulated: boolean): Platform[] => {
  const { os, architecture, variant } = wanted
  const own = downFrom(architecture, variant).map((name) => normalizePlatform({ os, architecture, variant: name }))
  if (!emulated || (architecture !== 'amd64' && architecture !== 'arm64')) return own
  const narrow = architecture === 'amd64' ? [{ os, architecture: '386' }] : accepted({ os, architecture: 'arm', variant: 'v8' }, false)
  return [...own, ...narrow]
}

const same = (a: Platform, b: Platform): boolean =>
  a.os === b.os && a.architecture === b.architecture && (a.variant ?? '') === (b.variant ?? '')

const hasVersion = (offered: Platform, wanted: Platform): boolean => {
  const version = wanted['os.version']
  const has = offered['os.version']
  return version === undefined || has === version || (has?.startsWith(`${version}.`) ?? false)
}

/** 0 is best; undefined: does not run there. Without `wanted`: on this machine. */
const rank = (offered: Platform, wanted?: Platform): number | undefined => {
  const target = normalizePlatform(wanted ?? hostPlatform())
  const at = accepted(target, wanted === undefined).findIndex((one) => same(one, normalizePlatform(offered)))
  return at < 0 || !hasVersion(offered, target) ? undefined : at
}

/** Whether an image of platform `offered` is what was asked for; without `wanted`: whether it runs on this machine. */
export const runsOn = (offered: Platform, wanted?: Platform): boolean => rank(offered, wanted) !== undefined

/** BuildKit’s provenance and the like: in the index, but no image. */
export const isAttestation = ({ platform, annotations }: Descriptor): boolean =>
  platform?.os === 'unknown' || annotations?.['vnd.docker.reference.type'] !== undefined

const MOST_LISTED = 40

const listed = (entries: readonly Descriptor[]): string => {
  const names = [...new Set(entries.map(({ platform }) => (platform === undefined ? 'one without a platform' : formatPlatform(platform))))]
  if (names.length === 0) return 'nothing'
  return names.length > MOST_LISTED ? `${names.slice(0, MOST_LISTED).join(', ')} and ${names.length - MOST_LISTED} more` : names.join(', ')
}

/**
 * The index’s entry for the platform; without `wanted` the best for this machine. An entry that names no platform is taken where nothing
 * matches and it is the only image there is. Throws `not-found` listing what there is, `unsupported` where only nested indexes are left.
 */
export const selectManifest = (index: Index, wanted?: Platform, what = 'index'): Descriptor => {
  const images = index.manifests.filter((entry) => isManifestType(entry.mediaType) && !isAttestation(entry))
  let best: { readonly entry: Descriptor; readonly rank: number } | undefined
  for (const entry of images) {
    const at = entry.platform === undefined ? undefined : rank(entry.platform, wanted)
    if (at !== undefined && at < (best?.rank ?? Number.POSITIVE_INFINITY)) best = { entry, rank: at }
  }
  if (best !== undefined) return best.entry
  const [only, ...others] = images
  if (only !== undefined && only.platform === undefined && others.length === 0) return only
  const { variant: _, ...plain } = hostPlatform()
  const name = formatPlatform(wanted ?? plain)
  if (images.length === 0 && index.manifests.some((entry) => isIndexType(entry.mediaType)))
    throw new WherryError(
      'unsupported',
      `${what}: has only further indexes; an index in an index is not supported: name the inner one by its digest`,
    )
  throw new WherryError('not-found', `${what}: no image for ${name}; there is ${listed(images)}: choose one with --platform`)
}
