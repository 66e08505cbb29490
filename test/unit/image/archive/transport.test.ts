import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTransport } from '../../../../image/archive/transport.ts'

test('transports as containers-transports(5) writes them', () => {
  assert.deepEqual(parseTransport('oci:/a/b'), { transport: 'oci', path: '/a/b' })
  assert.deepEqual(parseTransport('oci:dir:name:1.0'), { transport: 'oci', path: 'dir', image: 'name:1.0' })
  assert.deepEqual(parseTransport('oci-archive:x.tar:docker.io/library/alpine:3.19'), {
    transport: 'oci-archive',
    path: 'x.tar',
    image: 'docker.io/library/alpine:3.19',
  })
  assert.deepEqual(parseTransport('docker-archive:x.tar:@2'), { transport: 'docker-archive', path: 'x.tar', image: '@2' })
  assert.deepEqual(parseTransport('dir:/a:b'), { transport: 'dir', path: '/a:b' })
  assert.deepEqual(parseTransport('docker://alpine:3.19'), { transport: 'docker', path: 'alpine:3.19' })
})

test('names of images are none', () => {
  for (const text of ['alpine', 'alpine:3.19', 'localhost:5000/x', 'docker:latest', 'ocidir:1', 'x@sha256:0'])
    assert.equal(parseTransport(text), undefined, text)
})

test('what is missing or not supported is said', () => {
  for (const text of ['oci:', 'dir:', 'oci-archive::x'])
    assert.throws(() => parseTransport(text), { kind: 'invalid-argument', message: /a path is wanted/ }, text)
  assert.throws(() => parseTransport('oci:dir:'), { kind: 'invalid-argument', message: /the name behind the last colon is empty/ })
  for (const [text, hint] of [
    ['containers-storage:x', /podman save/],
    ['docker-daemon:x:1', /docker save/],
    ['tarball:x.tar', /wherry image import/],
  ] as const)
    assert.throws(() => parseTransport(text), { kind: 'unsupported', message: hint })
})
