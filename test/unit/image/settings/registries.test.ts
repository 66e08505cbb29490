import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { canonical, parseReference } from '../../../../image/reference.ts'
import {
  candidatesFor,
  endpointsFor,
  isInsecure,
  pushEndpointFor,
  readRegistries,
  type Registries,
} from '../../../../image/settings/registries.ts'
import { parseRegistries } from '../../../../image/settings/registries-file.ts'
import { place } from '../../../support/settings.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

const read = (toml: string): Registries => {
  const {
    search = [],
    registries,
    aliases,
    shortNameMode = 'permissive',
    credentialHelpers = [],
  } = parseRegistries(Buffer.from(toml), 'x.conf')
  return { search, registries, aliases, shortNameMode, credentialHelpers }
}

/** `name`, `name (insecure)`, `name (mirror)`. */
const endpoints = (text: string, registries: Registries): string[] =>
  endpointsFor(parseReference(text), registries).map(
    ({ reference, insecure, mirror }) => canonical(reference) + (insecure ? ' (insecure)' : '') + (mirror ? ' (mirror)' : ''),
  )

const MAN = read(`
unqualified-search-registries = ["example.com"]

[[registry]]
prefix = "example.com/foo"
insecure = false
blocked = false
location = "internal-registry-for-example.com/bar"

[[registry.mirror]]
location = "example-mirror-0.local/mirror-for-foo"

[[registry.mirror]]
location = "example-mirror-1.local/mirrors/foo"
insecure = true

[[registry]]
location = "registry.com"

[[registry.mirror]]
location = "mirror.registry.com"
`)

test('the example of containers-registries.conf(5)', () => {
  assert.deepEqual(endpoints('example.com/foo/image:latest', MAN), [
    'example-mirror-0.local/mirror-for-foo/image:latest (mirror)',
    'example-mirror-1.local/mirrors/foo/image:latest (insecure) (mirror)',
    'internal-registry-for-example.com/bar/image:latest',
  ])
  assert.deepEqual(endpoints('registry.com/image:1', MAN), ['mirror.registry.com/image:1 (mirror)', 'registry.com/image:1'])
  assert.deepEqual(endpoints(`registry.com/image:1@${DIGEST}`, MAN), [
    `mirror.registry.com/image:1@${DIGEST} (mirror)`,
    `registry.com/image:1@${DIGEST}`,
  ])
  assert.deepEqual(endpoints('alpine', MAN), ['docker.io/library/alpine:latest'])
  assert.deepEqual(candidatesFor('image', MAN).map(canonical), ['example.com/image:latest'])
})

test('a prefix ends where a part of a name ends', () => {
  assert.deepEqual(endpoints('example.com/foobar', MAN), ['example.com/foobar:latest'])
  assert.deepEqual(endpoints('registry.com:5000/image', MAN), ['registry.com:5000/image:latest'])
  assert.deepEqual(endpoints('notregistry.com/image', MAN), ['notregistry.com/image:latest'])
  assert.deepEqual(endpoints('example.com/foo', MAN).at(-1), 'internal-registry-for-example.com/bar:latest')
})

test('the longest prefix wins', () => {
  const registries = read(`
[[registry]]
location = "a.example.com"
insecure = true
[[registry]]
prefix = "a.example.com/team/app"
location = "b.example.com/app"
[[registry]]
prefix = "a.example.com/team"
location = "c.example.com"
[[registry]]
prefix = "a.example.com/team/app:old"
blocked = true
[[registry]]
prefix = "*.example.com"
insecure = true
`)
  assert.deepEqual(endpoints('a.example.com/x', registries), ['a.example.com/x:latest (insecure)'])
  assert.deepEqual(endpoints('a.example.com/team/y', registries), ['c.example.com/y:latest'])
  assert.deepEqual(endpoints('a.example.com/team/app:1', registries), ['b.example.com/app:1'])
  assert.deepEqual(endpoints('a.example.com/team/app/sub:1', registries), ['b.example.com/app/sub:1'])
  assert.throws(() => endpoints('a.example.com/team/app:old', registries), {
    kind: 'permission-denied',
    message: 'a.example.com/team/app:old: registry a.example.com/team/app:old is blocked in x.conf',
  })
  assert.deepEqual(endpoints('deep.b.example.com:5000/x', registries), ['deep.b.example.com:5000/x:latest (insecure)'])
  assert.deepEqual(endpoints('example.com/x', registries), ['example.com/x:latest'])
  assert.deepEqual(endpoints('xexample.com/x', registries), ['xexample.com/x:latest'])
})

test('docker.io and where it is mirrored', () => {
  const registries = read(`
[[registry]]
prefix = "docker.io"
location = "mirror.local:5000/hub"
`)
  assert.deepEqual(endpoints('alpine:3', registries), ['mirror.local:5000/hub/library/alpine:3'])
  const push = pushEndpointFor(parseReference('alpine:3'), registries)
  assert.equal(canonical(push.reference), 'docker.io/library/alpine:3')
})

test('a wildcard moves the host', () => {
  const registries = read('[[registry]]\nprefix = "*.example.com"\nlocation = "mirror.local/x"\n')
  assert.deepEqual(endpoints('a.example.com/b/c:1', registries), ['mirror.local/x/b/c:1'])
})

test('mirrors for digests or tags alone', () => {
  const registries = read(`
[[registry]]
location = "a.local"
[[registry.mirror]]
location = "tags.local"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "digests.local"
pull-from-mirror = "digest-only"
[[registry]]
location = "b.local"
mirror-by-digest-only = true
[[registry.mirror]]
location = "m.local"
`)
  assert.deepEqual(endpoints('a.local/x:1', registries), ['tags.local/x:1 (mirror)', 'a.local/x:1'])
  assert.deepEqual(endpoints(`a.local/x@${DIGEST}`, registries), [`digests.local/x@${DIGEST} (mirror)`, `a.local/x@${DIGEST}`])
  assert.deepEqual(endpoints('b.local/x', registries), ['b.local/x:latest'])
  assert.equal(endpoints(`b.local/x@${DIGEST}`, registries).length, 2)
})

test('short names', () => {
  const registries = read(`
unqualified-search-registries = ["docker.io", "a.local:5000"]
[aliases]
"fedora" = "registry.local/fedora/base"
"team/app" = "b.local/app"
"gone" = ""
`)
  const names = (text: string, from = registries): string[] => candidatesFor(text, from).map(canonical)
  assert.deepEqual(names('alpine:3'), ['docker.io/library/alpine:3', 'a.local:5000/alpine:3'])
  assert.deepEqual(names('fedora'), ['registry.local/fedora/base:latest'])
  assert.deepEqual(names(`fedora:40@${DIGEST}`), [`registry.local/fedora/base:40@${DIGEST}`])
  assert.deepEqual(names('team/app:1'), ['b.local/app:1'])
  assert.deepEqual(names('gone'), ['docker.io/library/gone:latest', 'a.local:5000/gone:latest'])
  assert.deepEqual(names('localhost/fedora'), ['localhost/fedora:latest'])
  assert.deepEqual(names('docker.io/fedora'), ['docker.io/library/fedora:latest'])
  assert.deepEqual(names('constructor', { ...registries, search: [] }), ['docker.io/library/constructor:latest'])
  assert.throws(() => names('alpine', { ...registries, shortNameMode: 'enforcing' }), {
    kind: 'failed-precondition',
    message: /"alpine" may be docker.io\/alpine or a.local:5000\/alpine, and short-name-mode/,
  })
})

test('version 1', () => {
  const registries = read(`
[registries.search]
registries = ['a.local', 'b.local']
[registries.insecure]
registries = ['c.local']
[registries.block]
registries = ['d.local']
`)
  assert.deepEqual(registries.search, ['a.local', 'b.local'])
  assert.ok(isInsecure('c.local', registries) && !isInsecure('a.local', registries))
  assert.throws(() => endpoints('d.local/x', registries), /blocked/)
})

for (const [name, toml, message] of [
  ['no TOML', 'unqualified-search-registries = [', /^x\.conf: line \d+, column \d+: /],
  ['a scheme', '[[registry]]\nlocation = "http://a.local"', /^x\.conf: registry\[0\]\.location: must not have a scheme/],
  ['an odd location', '[[registry]]\nlocation = "a.local/../b"', /registry\[0\]\.location: .*component "\.\."/],
  ['an odd prefix', '[[registry]]\nprefix = "*.a.local/x"', /registry\[0\]\.prefix: a wildcard/],
  ['a wildcard within', '[[registry]]\nprefix = "a.*.local"', /registry\[0\]\.prefix/],
  ['neither', '[[registry]]\ninsecure = true', /registry\[0\]: must have a prefix or a location/],
  [
    'a word for a boolean',
    '[[registry]]\nlocation = "a.local"\ninsecure = "yes"',
    /registry\[0\]\.insecure: must be true or false, is "yes"/,
  ],
  [
    'one prefix twice',
    '[[registry]]\nlocation = "a.local"\n[[registry]]\nlocation = "a.local/"',
    /two \[\[registry\]\] tables for "a\.local"/,
  ],
  [
    'a mirror without a place',
    '[[registry]]\nlocation = "a.local"\n[[registry.mirror]]\ninsecure = true',
    /mirror\[0\]\.location: is missing/,
  ],
  [
    'both ways to restrict a mirror',
    '[[registry]]\nlocation = "a.local"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "b.local"\npull-from-mirror = "all"',
    /mirror\[0\]\.pull-from-mirror: must not be set beside/,
  ],
  ['an unknown mode', 'short-name-mode = "x"', /short-name-mode: must be enforcing, permissive or disabled/],
  ['an alias with a registry', '[aliases]\n"a.local/b" = "c.local/d"', /aliases\["a\.local\/b"\]: an alias is a name without/],
  ['an alias to a short name', '[aliases]\n"a" = "b"', /aliases\["a"\]: must be a name with its registry/],
  ['both versions', 'unqualified-search-registries = []\n[registries.search]\nregistries = []', /mixes versions/],
  ['a port as search registry', 'unqualified-search-registries = ["a:b"]', /unqualified-search-registries\[0\]: registry "a:b": port/],
] as const)
  test(`refused: ${name}`, () => {
    assert.throws(() => read(toml), { kind: 'invalid-argument', message })
  })

test('which files are read', (t) => {
  const here = place(t)
  const conf = (host: string): string => `unqualified-search-registries = ["${host}"]\n`
  assert.deepEqual(readRegistries(here.around).search, [])
  here.write('etc/containers/registries.conf', conf('system.local'))
  assert.deepEqual(readRegistries(here.around).search, ['system.local'])
  here.write('etc/containers/registries.conf.d/10-a.conf', '[[registry]]\nlocation = "a.local"\n[aliases]\nx = "a.local/x"\n')
  here.write(
    'etc/containers/registries.conf.d/20-b.conf',
    `${conf('dropin.local')}[[registry]]\nlocation = "a.local"\ninsecure = true\n[aliases]\nx = ""\n`,
  )
  here.write('etc/containers/registries.conf.d/30-c.txt', 'no toml')
  mkdirSync(join(here.folder, 'etc/containers/registries.conf.d/z'))
  const both = readRegistries(here.around)
  assert.deepEqual(both.search, ['dropin.local'])
  assert.equal(both.registries.length, 1)
  assert.ok(isInsecure('a.local', both))
  assert.deepEqual(both.aliases, { x: '' })
  here.write('home/.config/containers/registries.conf.d/a.conf', conf('user-dropin.local'))
  assert.deepEqual(readRegistries(here.around).search, ['user-dropin.local'])
  here.write('home/.config/containers/registries.conf', '')
  const user = readRegistries(here.around)
  assert.deepEqual([user.search, user.registries], [['user-dropin.local'], []])
  here.write('xdg/containers/registries.conf', conf('xdg.local'))
  assert.deepEqual(readRegistries(here.with({ XDG_CONFIG_HOME: join(here.folder, 'xdg') })).search, ['xdg.local'])
  const own = here.write('own.conf', conf('own.local'))
  assert.deepEqual(readRegistries(here.with({ CONTAINERS_REGISTRIES_CONF: own, HOME: '/nowhere' })).search, ['user-dropin.local'])
})

test('files that are none', (t) => {
  const here = place(t)
  assert.deepEqual(readRegistries(here.with({ CONTAINERS_REGISTRIES_CONF: '/dev/null' })).search, [])
  assert.throws(() => readRegistries(here.with({ CONTAINERS_REGISTRIES_CONF: join(here.folder, 'none') })), {
    kind: 'not-found',
    message: /none: no such file \(\$CONTAINERS_REGISTRIES_CONF\)/,
  })
  mkdirSync(join(here.folder, 'etc/containers'), { recursive: true })
  const path = join(here.folder, 'etc/containers/registries.conf')
  execFileSync('mkfifo', [path])
  assert.throws(() => readRegistries(here.around), { message: `${path}: is no regular file` })
  const huge = here.write('huge', 'x'.repeat(1024 * 1024 + 1))
  assert.throws(() => readRegistries(here.with({ CONTAINERS_REGISTRIES_CONF: huge })), /1048577 bytes, more than/)
  symlinkSync('loop', join(here.folder, 'loop'))
  assert.throws(() => readRegistries(here.with({ CONTAINERS_REGISTRIES_CONF: join(here.folder, 'loop') })), /open .*loop: ELOOP/)
})
