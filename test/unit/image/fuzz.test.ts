/** Strangers’ bytes at every parser of names, documents, settings, databases and headers: a value, or a WherryError; never anything else. */
import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { applyConfig } from '../../../image/apply/apply.ts'
import { parseGroup, parsePasswd } from '../../../image/apply/database.ts'
import { formatPort, parsePort } from '../../../image/apply/ports.ts'
import { type Digest, digestOf } from '../../../image/digest.ts'
import { canonical, familiar, parseReference, type Reference } from '../../../image/reference.ts'
import { parseContentRange } from '../../../image/registry/blob.ts'
import { parseChallenges } from '../../../image/registry/challenge.ts'
import { errorOf } from '../../../image/registry/failure.ts'
import { retryAfter } from '../../../image/registry/wait.ts'
import { findInFile, parseAuthFile } from '../../../image/settings/auth-file.ts'
import { candidatesFor, endpointsFor, type Registries } from '../../../image/settings/registries.ts'
import { parseRegistries } from '../../../image/settings/registries-file.ts'
import { parseImageConfig } from '../../../image/spec/config.ts'
import { formatImageConfig, formatIndex, formatManifest } from '../../../image/spec/format.ts'
import { parseDocument, parseIndex, parseManifest } from '../../../image/spec/manifest.ts'
import { DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../../image/spec/media-types.ts'
import { formatPlatform, parsePlatform, runsOn, selectManifest } from '../../../image/spec/platform.ts'
import type { Descriptor, ImageConfig, Index, Manifest, Platform } from '../../../image/spec/types.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { bytesOf, configJson, indexJson, manifestJson } from '../../support/documents.ts'
import { fuzz, mutateJson, mutateText, NASTY, type Random } from '../../support/random.ts'

/** The value, or undefined where it was refused as things are to be refused: kindly, on one line, in few words. */
const tried = <T>(work: () => T): T | undefined => {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof WherryError)) throw error
    assert.match(error.kind, /^(invalid-argument|unsupported|not-found|data-loss|permission-denied|failed-precondition)$/)
    assert.ok(error.message.length > 0 && error.message.length < 3000, `a message of ${error.message.length} characters`)
    assert.doesNotMatch(error.message, /[\x00-\x1f\x7f]/, 'a message with control characters')
    return undefined
  }
}

const LOWER = 'abcxyz019'
const component = (random: Random): string =>
  [random.text(LOWER, 1, 5), ...random.list(2, () => random.pick(['.', '_', '__', '-', '---']) + random.text(LOWER, 1, 5))].join('')

const host = (random: Random): string =>
  random.pick([
    () => 'docker.io',
    () => 'localhost',
    () => `${random.text(LOWER, 1, 5)}.${random.text(LOWER, 1, 5)}`,
    () => `Host${random.text(LOWER, 0, 3)}`,
    () => `${random.text(LOWER, 1, 5)}:${random.between(1, 65535)}`,
    () => `[${random.pick(['2001:db8::', '::', '1:2:3:4:5:6:7:', '1::2:'])}${random.below(9999)}]${random.chance(50) ? ':5000' : ''}`,
  ])()

const digest = (random: Random): Digest => digestOf(random.bytes(8), random.chance(80) ? 'sha256' : 'sha512')

const reference = (random: Random): Reference => {
  const domain = host(random)
  const parts = [component(random), ...random.list(3, () => component(random))]
  const path = domain === 'docker.io' && parts.length === 1 ? `library/${parts[0]}` : parts.join('/')
  return {
    domain,
    path,
    ...(random.chance(60) ? { tag: random.text(`${LOWER}ABC_`, 1, 1) + random.text(`${LOWER}ABC_.-`, 0, 20) } : { digest: digest(random) }),
    ...(random.chance(10) ? { digest: digest(random) } : {}),
  }
}

fuzz('references come back as they were', 5000, (random) => {
  const made = reference(random)
  assert.deepEqual(parseReference(canonical(made)), made)
  assert.deepEqual(parseReference(familiar(made)), made)
})

/** The grammar of docker’s distribution/reference, whole. */
const ALNUM = '[a-z0-9]+'
const PATH = `${ALNUM}(?:(?:[._]|__|-+)${ALNUM})*(?:/${ALNUM}(?:(?:[._]|__|-+)${ALNUM})*)*`
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const DOMAIN = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
const GRAMMAR = new RegExp(
  `^((?:${DOMAIN}/)?)(${PATH})(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
)

/** What docker’s splitDockerDomain and Parse make of a text; undefined where they refuse it, or where we mean to be stricter. */
const dockers = (text: string): string | undefined => {
  if (/^(sha256:)?[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/.test(text)) return undefined
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(slash, 0))
  const named = slash >= 0 && (/[.:A-Z]/.test(first) || first === 'localhost')
  let domain = named ? first : 'docker.io'
  let rest = named ? text.slice(slash + 1) : text
  if (domain === 'index.docker.io') domain = 'docker.io'
  if (domain === 'docker.io' && !rest.includes('/')) rest = `library/${rest}`
  const [, matched, path, tag, found] = GRAMMAR.exec(`${domain}/${rest}`) ?? []
  // what is no host is taken for a part of the path there
  if (path === undefined || matched !== `${domain}/` || path.length > 255) return undefined
  const port = /:([0-9]+)$/.exec(domain.replace(/^\[.*\]/, ''))?.[1]
  if (port !== undefined && (port.length > 5 || Number(port) < 1 || Number(port) > 65535)) return undefined
  if (domain.startsWith('[') && !isIPv6(domain.slice(1, domain.indexOf(']')))) return undefined
  if (domain.length > 255) return undefined
  if (found !== undefined && !/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(found)) return undefined
  const suffix = `${tag === undefined ? '' : `:${tag}`}${found === undefined ? '' : `@${found}`}`
  return `${domain}/${path}${suffix === '' ? ':latest' : suffix}`
}

fuzz('texts are references where docker’s grammar says so', 20_000, (random) => {
  const seed = random.chance(70) ? random.pick([canonical, familiar])(reference(random)) : random.pick(NASTY)
  const text = random.chance(10) ? random.text('a.:/@[]-_A0', 0, 12) : mutateText(random, seed)
  const found = tried(() => parseReference(text))
  assert.equal(found === undefined ? undefined : canonical(found), dockers(text), JSON.stringify(text))
  if (found !== undefined) assert.deepEqual(parseReference(familiar(found)), found)
})

const text = (random: Random): string => random.text('abcXYZ 09./-_é', 1, 12)
const strings = (random: Random): Record<string, string> =>
  Object.fromEntries(random.list(3, () => [text(random), random.chance(90) ? text(random) : '']))

const platform = (random: Random): Platform => ({
  os: random.pick(['linux', 'windows', 'x']),
  architecture: random.pick(['amd64', 'arm64', 'arm', '386', 'riscv64']),
  ...(random.chance(30) ? { variant: random.pick(['v6', 'v7', 'v8', 'v2']) } : {}),
  ...(random.chance(10) ? { 'os.version': '10.0.1', 'os.features': ['win32k'] } : {}),
})

const descriptor = (random: Random, mediaType: string): Descriptor => {
  const data = random.chance(10) ? random.bytes(random.between(1, 40)) : undefined
  return {
    mediaType,
    digest: data === undefined ? digest(random) : digestOf(data),
    size: data === undefined ? random.pick([0, 1, random.word(), 2 ** 40]) : data.length,
    ...(data === undefined ? {} : { data }),
    ...(random.chance(10) ? { urls: random.list(3, () => text(random)) } : {}),
    ...(random.chance(20) ? { annotations: strings(random) } : {}),
    ...(random.chance(10) ? { artifactType: 'a/b' } : {}),
    ...(random.chance(30) ? { platform: platform(random) } : {}),
  }
}

const shared = (random: Random) => ({
  ...(random.chance(20) ? { artifactType: 'application/x' } : {}),
  ...(random.chance(20) ? { subject: descriptor(random, OCI_MANIFEST) } : {}),
  ...(random.chance(20) ? { annotations: strings(random) } : {}),
})

const manifest = (random: Random): Manifest => ({
  mediaType: random.pick([OCI_MANIFEST, DOCKER_MANIFEST]),
  config: descriptor(random, OCI_CONFIG),
  layers: random.list(6, () => descriptor(random, OCI_LAYER_GZIP)),
  ...shared(random),
})

const index = (random: Random): Index => ({
  mediaType: OCI_INDEX,
  manifests: random.list(6, () => descriptor(random, OCI_MANIFEST)),
  ...shared(random),
})

const config = (random: Random): ImageConfig => ({
  ...platform(random),
  ...(random.chance(50) ? { created: '2024-01-01T00:00:00Z' } : {}),
  ...(random.chance(20) ? { author: 'a\tb' } : {}),
  config: {
    ...(random.chance(50) ? { User: text(random) } : {}),
    ...(random.chance(50) ? { Env: random.list(4, () => `${random.text('ABC', 1, 4)}=${text(random)}`) } : {}),
    ...(random.chance(50) ? { Cmd: random.list(4, () => `${text(random)}\n`) } : {}),
    ...(random.chance(50) ? { Entrypoint: random.list(2, () => text(random)) } : {}),
    ...(random.chance(50) ? { WorkingDir: `/${text(random)}` } : {}),
    ...(random.chance(50) ? { Labels: strings(random) } : {}),
    ...(random.chance(30) ? { Volumes: [...new Set(random.list(3, () => `/v${text(random)}`))] } : {}),
    ...(random.chance(30) ? { ExposedPorts: [...new Set(random.list(3, () => `${random.between(1, 65535)}/tcp`))] } : {}),
    ...(random.chance(30) ? { StopSignal: 'SIGINT' } : {}),
    ...(random.chance(30) ? { Healthcheck: { Test: ['CMD', text(random)], Interval: random.word() } } : {}),
  },
  rootfs: { diff_ids: random.list(5, () => digest(random)) },
  history: random.list(4, () => ({ created_by: text(random), ...(random.chance(30) ? { empty_layer: true } : {}) })),
})

fuzz('documents come back as they were', 1500, (random) => {
  const made = manifest(random)
  assert.deepEqual(parseManifest({ bytes: formatManifest(made), mediaType: made.mediaType }), made)
  const list = index(random)
  assert.deepEqual(parseIndex({ bytes: formatIndex(list), mediaType: OCI_INDEX }), list)
  const image = config(random)
  assert.deepEqual(parseImageConfig(formatImageConfig(image)), image)
})

const TYPES = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, 'application/json', 'text/html', '']

/** A JSON document after accidents to its values, its text or its bytes. */
const broken = (random: Random, whole: unknown): Uint8Array => {
  let value = whole
  for (let times = random.between(1, 3); times > 0; times--) value = mutateJson(random, value)
  if (random.chance(60)) return bytesOf(value === undefined ? 'null' : JSON.stringify(value))
  const bytes = bytesOf(mutateText(random, JSON.stringify(whole)))
  if (random.chance(30) && bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

fuzz('broken manifests and indexes', 8000, (random) => {
  const whole = random.chance(50)
    ? manifestJson()
    : indexJson([
        { os: 'linux', architecture: 'amd64' },
        { os: 'linux', architecture: 'arm', variant: 'v7' },
      ])
  const bytes = broken(random, whole)
  const mediaType = random.chance(20) ? undefined : random.pick(TYPES)
  const parsed = tried(() => parseDocument(mediaType === undefined ? { bytes } : { bytes, mediaType }, 'x'))
  if (parsed?.kind === 'manifest') {
    const again = parseManifest({ bytes: formatManifest(parsed.manifest), mediaType: parsed.manifest.mediaType })
    assert.deepEqual(again, parsed.manifest)
  }
  if (parsed?.kind === 'index') {
    assert.deepEqual(parseIndex({ bytes: formatIndex(parsed.index), mediaType: parsed.index.mediaType }), parsed.index)
    tried(() => selectManifest(parsed.index, random.chance(50) ? undefined : platform(random)))
  }
})

fuzz('broken configs', 6000, (random) => {
  const whole = JSON.parse(Buffer.from(formatImageConfig(config(random))).toString()) as unknown
  const parsed = tried(() => parseImageConfig(broken(random, random.chance(50) ? configJson({ Env: ['A=b'], User: 'u' }) : whole), 'x'))
  if (parsed === undefined) return
  assert.deepEqual(parseImageConfig(formatImageConfig(parsed)), parsed)
  tried(() => runsOn(parsed))
  const applied = tried(() => applyConfig(parsed.config))
  if (applied === undefined) return
  for (const path of [applied.cwd, ...applied.volumes]) assert.ok(path.startsWith('/') && !path.split('/').includes('..'), path)
  assert.ok(applied.env.every((entry) => entry.indexOf('=') > 0 && !entry.includes('\0')))
})

fuzz('bytes that are nothing', 2000, (random) => {
  const bytes = random.bytes(random.below(200))
  tried(() => parseDocument({ bytes, mediaType: random.pick(TYPES) }, 'x'))
  tried(() => parseImageConfig(bytes, 'x'))
  tried(() => parseAuthFile(bytes, 'x'))
  tried(() => parseRegistries(bytes, 'x'))
  parsePasswd(bytes)
  parseGroup(bytes)
})

fuzz('platforms and ports', 5000, (random) => {
  const name = mutateText(random, random.pick(['linux/arm/v7', 'linux/x86_64', 'windows/amd64:10.0', 'aarch64', 'linux']))
  const read = tried(() => parsePlatform(name))
  if (read !== undefined) assert.deepEqual(parsePlatform(formatPlatform(read)), read)
  const port = tried(() => parsePort(mutateText(random, random.pick(['80', '8000-8010/udp', '1/sctp']))))
  if (port !== undefined) assert.deepEqual(parsePort(formatPort(port)), port)
})

const TOML = `unqualified-search-registries = ["docker.io", "a.local:5000"]
short-name-mode = "permissive"
[aliases]
"x" = "a.local/y"
[[registry]]
prefix = "a.local/b"
location = "c.local"
blocked = false
[[registry.mirror]]
location = "m.local:5000/p"
pull-from-mirror = "all"
`

fuzz('broken registries.conf', 4000, (random) => {
  const file = tried(() => parseRegistries(bytesOf(mutateText(random, TOML)), 'x.conf'))
  if (file === undefined) return
  const { search = [], registries: tables, aliases, shortNameMode = 'permissive' } = file
  const registries: Registries = { search, registries: tables, aliases, shortNameMode, credentialHelpers: [] }
  for (const name of ['x:1', 'a.local/b/c', 'a.local/b'])
    for (const candidate of tried(() => candidatesFor(name, registries)) ?? [])
      for (const endpoint of tried(() => endpointsFor(candidate, registries)) ?? [])
        assert.deepEqual(parseReference(canonical(endpoint.reference)).tag, candidate.tag)
})

fuzz('broken auth files tell nothing', 4000, (random) => {
  const secret = `S3CRET${random.text('abcdef', 4, 8)}`
  const entry = random.chance(50)
    ? { auth: Buffer.from(`u:${secret}`).toString('base64') }
    : { username: 'u', password: secret, identitytoken: secret }
  const bytes = broken(random, { auths: { 'a.local': entry, 'docker.io/x': entry }, credHelpers: { 'b.local': 'h' } })
  try {
    findInFile(parseAuthFile(bytes, 'x'), 'a.local/y/z')
  } catch (error) {
    assert.ok(error instanceof WherryError, String(error))
    const told = `${error.message} ${error.stack} ${error.cause instanceof Error ? error.cause.message : ''}`
    assert.doesNotMatch(told, /S3CRET|UzNDUkVU/i)
  }
})

const CHALLENGE = 'Bearer realm="https://auth.local/token",service="registry.local",scope="repository:a/b:pull,push", Basic realm="x"'

fuzz('broken headers', 8000, (random) => {
  const challenges = parseChallenges(mutateText(random, CHALLENGE))
  assert.ok(challenges.length < 300)
  const after = retryAfter(mutateText(random, random.pick(['120', 'Wed, 21 Oct 2026 07:28:00 GMT'])))
  assert.ok(after === undefined || (Number.isFinite(after) && after >= 0))
  const range = parseContentRange(mutateText(random, 'bytes 5-9/10'))
  for (const number of Object.values(range ?? {})) assert.ok(Number.isSafeInteger(number) && number >= 0)
  errorOf(mutateText(random, '{"errors":[{"code":"DENIED","message":"no"}]}'))
})

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n'

fuzz('broken databases of users never make root', 8000, (random) => {
  const entries = parsePasswd(bytesOf(mutateText(random, PASSWD)))
  for (const { uid, gid } of entries) assert.ok(uid >= 0 && uid <= 0xffff_fffe && gid >= 0 && gid <= 0xffff_fffe)
  for (const { gid } of parseGroup(bytesOf(mutateText(random, 'root:x:0:\nstaff:x:50:app,root\n')))) assert.ok(gid <= 0xffff_fffe)
})
