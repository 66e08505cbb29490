import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonical,
  familiar,
  familiarRepository,
  isImageId,
  parseDomain,
  parseName,
  parseReference,
  repository,
  withTag,
} from '../../../image/reference.ts'
import { WherryError } from '../../../runtime/errors.ts'

const HEX = '0123456789abcdef'.repeat(4)
const DIGEST = `sha256:${HEX}`

/** text, canonical, familiar; what docker’s library and podman make of it. */
const READ: readonly (readonly [string, string, string])[] = [
  ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['alpine:3.19', 'docker.io/library/alpine:3.19', 'alpine:3.19'],
  ['library/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['docker.io/library/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['index.docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
  ['index.docker.io/team/app:1', 'docker.io/team/app:1', 'team/app:1'],
  ['team/app', 'docker.io/team/app:latest', 'team/app:latest'],
  ['a/b/c', 'docker.io/a/b/c:latest', 'a/b/c:latest'],
  ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
  [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
  [`alpine:3@${DIGEST}`, `docker.io/library/alpine:3@${DIGEST}`, `alpine:3@${DIGEST}`],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/app:v1', 'localhost:5000/app:v1', 'localhost:5000/app:v1'],
  ['localhost', 'docker.io/library/localhost:latest', 'localhost:latest'],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
  ['registry.example.com/a', 'registry.example.com/a:latest', 'registry.example.com/a:latest'],
  ['registry.example.com:443/a/b:1.0-rc_1', 'registry.example.com:443/a/b:1.0-rc_1', 'registry.example.com:443/a/b:1.0-rc_1'],
  ['host:5000/a', 'host:5000/a:latest', 'host:5000/a:latest'],
  ['127.0.0.1:5000/a', '127.0.0.1:5000/a:latest', '127.0.0.1:5000/a:latest'],
  ['[::1]:5000/a:1', '[::1]:5000/a:1', '[::1]:5000/a:1'],
  ['[2001:db8::1]/a', '[2001:db8::1]/a:latest', '[2001:db8::1]/a:latest'],
  ['Registry/a', 'Registry/a:latest', 'Registry/a:latest'],
  ['docker.io/localhost/app', 'docker.io/localhost/app:latest', 'docker.io/localhost/app:latest'],
  ['docker.io/a.b/c', 'docker.io/a.b/c:latest', 'docker.io/a.b/c:latest'],
  ['a__b/c-----d/e.f_g', 'docker.io/a__b/c-----d/e.f_g:latest', 'a__b/c-----d/e.f_g:latest'],
  ['deadbeef', 'docker.io/library/deadbeef:latest', 'deadbeef:latest'],
  [`${HEX}:1`, `docker.io/library/${HEX}:1`, `${HEX}:1`],
  [`docker.io/library/sha256:${HEX}`, `docker.io/library/sha256:${HEX}`, `docker.io/library/sha256:${HEX}`],
  [`a/${'b'.repeat(253)}`, `docker.io/a/${'b'.repeat(253)}:latest`, `a/${'b'.repeat(253)}:latest`],
  [`alpine:${'t'.repeat(128)}`, `docker.io/library/alpine:${'t'.repeat(128)}`, `alpine:${'t'.repeat(128)}`],
  ['alpine:_', 'docker.io/library/alpine:_', 'alpine:_'],
]

for (const [text, whole, short] of READ)
  test(`${text.slice(0, 60)} is ${whole.slice(0, 60)}`, () => {
    const reference = parseReference(text)
    assert.equal(canonical(reference), whole)
    assert.equal(familiar(reference), short)
    assert.deepEqual(parseReference(whole), reference)
    assert.deepEqual(parseReference(short), reference)
  })

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['', /a name is wanted/],
  [' alpine', /character " " at 1/],
  ['alp\nine', /character "\\n" at 4/],
  ['alpin\u00e9', /character "é" at 6/],
  ['Alpine', /lower case: "alpine" instead of "Alpine"/],
  ['localhost/App:1', /lower case: "app" instead of "App"/],
  ['a//b', /empty component/],
  ['/a', /empty component/],
  ['a/', /empty component/],
  ['docker.io/', /repository is missing/],
  [':tag', /repository is missing/],
  [`@${DIGEST}`, /repository is missing/],
  ['a_-b', /component "a_-b"/],
  ['a..b', /component "a..b"/],
  ['a___b', /component "a___b"/],
  ['-a', /component "-a"/],
  ['a-', /component "a-"/],
  ['../a', /".." is no host/],
  ['a/../b', /component ".."/],
  ['alpine:', /tag behind : is empty/],
  ['alpine:a:b', /tag "a:b" must be/],
  ['alpine:-a', /tag "-a" must be/],
  ['alpine:.a', /tag ".a" must be/],
  [`alpine:${'t'.repeat(129)}`, /longer than 128/],
  ['a'.repeat(250), /longer than 255/],
  ['alpine@', /digest: "" is no digest/],
  ['alpine@sha256:abc', /not 64 lower-case/],
  [`alpine@sha256:${HEX.toUpperCase()}`, /not 64 lower-case/],
  [`alpine@md5:${'a'.repeat(32)}`, /algorithm md5 is not supported/],
  [`alpine@${DIGEST}@${DIGEST}`, /is no digest/],
  [`alpine@${DIGEST}:tag`, /is no digest/],
  ['host:0/a', /port "0"/],
  ['host:65536/a', /port "65536"/],
  ['host:/a', /port ""/],
  ['host:5x/a', /port "5x"/],
  ['ho_st.x/a', /is no host/],
  ['-host.x/a', /is no host/],
  ['a..b/c', /is no host/],
  ['::1/a', /stands in brackets: \[::1\]/],
  ['[::1/a', /no IPv6 address in brackets/],
  ['[::zz]/a', /no IPv6 address in brackets/],
  ['[fe80::1%eth0]/a', /no IPv6 address in brackets/],
  ['[127.0.0.1]:1/a', /no IPv6 address in brackets/],
  ['[::1]5000/a', /no IPv6 address in brackets/],
  ['https://registry.example.com/a', /leave out https:\/\//],
  [HEX, /image id/],
  [DIGEST, /image id/],
]

for (const [text, message] of REFUSED)
  test(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.throws(
      () => parseReference(text),
      (error) => error instanceof WherryError && message.test(error.message) && error.message.length < 800,
    )
  })

test('a name may go without a tag', () => {
  assert.deepEqual(parseName('alpine'), { domain: 'docker.io', path: 'library/alpine' })
  assert.equal(repository(parseName('alpine')), 'docker.io/library/alpine')
  assert.equal(familiarRepository(parseName('alpine:3')), 'alpine')
  assert.equal(familiarRepository(parseName(`docker.io/library/${HEX}:1`)), `docker.io/library/${HEX}`)
})

test('ids', () => {
  assert.ok(isImageId(HEX) && isImageId(DIGEST) && isImageId(`sha512:${HEX}${HEX}`))
  assert.ok(!isImageId('deadbeef') && !isImageId(`sha512:${HEX}`) && !isImageId(`alpine@${DIGEST}`))
})

test('registries', () => {
  for (const host of ['localhost', 'localhost:5000', '[::1]:5000', 'registry.example.com']) assert.equal(parseDomain(host), host)
  assert.equal(parseDomain('index.docker.io'), 'docker.io')
  for (const host of ['', 'a/b', 'a b', 'host:', '::1', 'https://a']) assert.throws(() => parseDomain(host), /registry ".*":/)
})

test('another tag', () => {
  assert.equal(canonical(withTag(parseReference(`alpine:3@${DIGEST}`), 'x')), 'docker.io/library/alpine:x')
  assert.throws(() => withTag(parseReference('alpine'), 'a/b'), /tag "a\/b"/)
})
