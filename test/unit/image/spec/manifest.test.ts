import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../../../image/digest.ts'
import { formatIndex, formatManifest } from '../../../../image/spec/format.ts'
import { parseDocument, parseIndex, parseManifest, requireImage } from '../../../../image/spec/manifest.ts'
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  layerType,
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from '../../../../image/spec/media-types.ts'
import type { ErrorKind } from '../../../../runtime/errors.ts'
import { bytesOf, descriptorOf, indexJson, type Json, manifestJson } from '../../../support/documents.ts'

const refused = (bytes: Uint8Array, mediaType: string | undefined, kind: ErrorKind, message: RegExp): void => {
  assert.throws(() => parseDocument(mediaType === undefined ? { bytes } : { bytes, mediaType }, 'x: manifest'), { kind, message })
}

test('a manifest', () => {
  const json = manifestJson({ annotations: { a: 'b' }, subject: descriptorOf('subject', OCI_MANIFEST), artifactType: 'a/b' })
  const manifest = parseManifest({ bytes: bytesOf(json), mediaType: OCI_MANIFEST })
  assert.deepEqual(formatManifest(manifest), bytesOf(manifestJsonOrder(json)))
  assert.deepEqual(parseManifest({ bytes: formatManifest(manifest), mediaType: OCI_MANIFEST }), manifest)
  requireImage(manifest)
})

const manifestJsonOrder = ({ schemaVersion, mediaType, artifactType, config, layers, subject, annotations }: Json): Json => ({
  schemaVersion,
  mediaType,
  artifactType,
  config,
  layers,
  subject,
  annotations,
})

test('Docker’s', () => {
  const json = manifestJson({
    mediaType: DOCKER_MANIFEST,
    config: descriptorOf('c', DOCKER_CONFIG),
    layers: [descriptorOf('l', DOCKER_LAYER_GZIP)],
  })
  const manifest = parseManifest({ bytes: bytesOf(json), mediaType: `${DOCKER_MANIFEST}; charset=utf-8` })
  requireImage(manifest)
  assert.equal(manifest.mediaType, DOCKER_MANIFEST)
  const list = parseIndex({ bytes: bytesOf(indexJson(undefined, { mediaType: DOCKER_INDEX })), mediaType: DOCKER_INDEX })
  assert.equal(list.mediaType, DOCKER_INDEX)
})

test('an index', () => {
  const index = parseIndex({ bytes: bytesOf(indexJson()), mediaType: OCI_INDEX })
  assert.deepEqual(parseIndex({ bytes: formatIndex(index), mediaType: OCI_INDEX }), index)
  assert.deepEqual(index.manifests[0]?.platform, { os: 'linux', architecture: 'amd64' })
})

test('Go’s null for nothing', () => {
  const manifest = parseManifest({
    bytes: bytesOf(manifestJson({ layers: null, annotations: null, subject: null })),
    mediaType: OCI_MANIFEST,
  })
  assert.deepEqual(manifest.layers, [])
})

test('the type comes from outside, from inside, or from both alike (CVE-2021-41190)', () => {
  const { mediaType: _, ...untyped } = manifestJson()
  const { mediaType: __, ...untypedIndex } = indexJson()
  assert.equal(parseDocument({ bytes: bytesOf(untyped), mediaType: OCI_MANIFEST }).kind, 'manifest')
  assert.equal(parseDocument({ bytes: bytesOf(manifestJson()), mediaType: 'text/plain' }).kind, 'manifest')
  assert.equal(parseDocument({ bytes: bytesOf(manifestJson()), mediaType: '' }).kind, 'manifest')
  assert.equal(parseDocument({ bytes: bytesOf(untyped) }).kind, 'manifest')
  assert.equal(parseDocument({ bytes: bytesOf(untypedIndex) }).kind, 'index')
  refused(bytesOf(untyped), 'application/json', 'invalid-argument', /^x: manifest: neither .* says what type/)
  refused(bytesOf(manifestJson()), OCI_INDEX, 'invalid-argument', /came as .*index.* says of itself that it is .*manifest/)
  refused(bytesOf(indexJson()), OCI_MANIFEST, 'invalid-argument', /came as .*manifest.* says of itself that it is .*index/)
  refused(bytesOf(manifestJson()), DOCKER_MANIFEST, 'invalid-argument', /came as .*docker/)
  refused(bytesOf(untypedIndex), OCI_MANIFEST, 'invalid-argument', /is a manifest and has "manifests" too/)
  refused(bytesOf(untyped), OCI_INDEX, 'invalid-argument', /is an index and has "config" too/)
  refused(bytesOf(manifestJson()), 'text/html', 'unsupported', /came as text\/html/)
  refused(bytesOf(manifestJson({ mediaType: 'a/b' })), OCI_MANIFEST, 'unsupported', /a\/b is neither/)
  refused(bytesOf(manifestJson({ mediaType: 7 })), OCI_MANIFEST, 'invalid-argument', /x: manifest: mediaType: must be a media type/)
})

test('both at once is refused however it is spelt', () => {
  refused(bytesOf(manifestJson({ manifests: [] })), OCI_MANIFEST, 'invalid-argument', /is a manifest and has "manifests" too/)
  refused(bytesOf(indexJson([], { layers: [] })), OCI_INDEX, 'invalid-argument', /is an index and has "layers" too/)
  refused(
    bytesOf(manifestJson({ Manifests: [] })),
    OCI_MANIFEST,
    'invalid-argument',
    /has "Manifests", which some would read as "manifests"/,
  )
  refused(bytesOf(indexJson([], { LAYERS: [] })), OCI_INDEX, 'invalid-argument', /has "LAYERS"/)
  refused(
    bytesOf(`{"schemaVersion":2,"layers":[],"l\\u0061yers":[],"config":{}}`),
    OCI_MANIFEST,
    'invalid-argument',
    /a key is there twice in one object, at position 31/,
  )
})

test('schema 1 is refused by name', () => {
  const old = bytesOf({ schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [], history: [] })
  for (const type of ['application/vnd.docker.distribution.manifest.v1+prettyjws', OCI_MANIFEST, '', undefined])
    refused(old, type, 'unsupported', /x: manifest: Docker schema 1/)
  refused(bytesOf({ schemaVersion: 2, fsLayers: [] }), OCI_MANIFEST, 'unsupported', /Docker schema 1/)
})

const LAYER = descriptorOf('one')
for (const [name, change, message] of [
  ['no version', { schemaVersion: undefined }, /schemaVersion: must be a whole number from 2 to 2, is missing/],
  ['version 3', { schemaVersion: 3 }, /schemaVersion/],
  ['no config', { config: undefined }, /config: must be an object, is missing/],
  ['no layers', { layers: undefined }, /layers: must be a list, is missing/],
  ['layers of another type', { layers: { length: 1 } }, /layers: must be a list, is an object/],
  ['501 layers', { layers: new Array(501).fill(LAYER) }, /layers: must have at most 500 entries, has 501/],
  ['a negative size', { layers: [{ ...LAYER, size: -1 }] }, /layers\[0\]\.size: must be a whole number/],
  ['a huge size', { layers: [{ ...LAYER, size: 2 ** 53 }] }, /layers\[0\]\.size: must be a whole number/],
  ['half a byte', { layers: [{ ...LAYER, size: 0.5 }] }, /layers\[0\]\.size/],
  ['a size in quotes', { layers: [{ ...LAYER, size: '3' }] }, /layers\[0\]\.size: must be .* is "3"/],
  ['sizes whose sum is impossible', { layers: new Array(3).fill({ ...LAYER, size: 2 ** 53 - 1 }) }, /layers: their sizes/],
  ['a digest in capitals', { layers: [{ ...LAYER, digest: `sha256:${'A'.repeat(64)}` }] }, /layers\[0\]\.digest/],
  ['a digest that climbs', { layers: [{ ...LAYER, digest: 'sha256:../../../../etc/passwd' }] }, /layers\[0\]\.digest/],
  ['a digest of another algorithm', { layers: [{ ...LAYER, digest: `md5:${'a'.repeat(32)}` }] }, /layers\[0\]\.digest/],
  ['no digest', { layers: [{ ...LAYER, digest: null }] }, /layers\[0\]\.digest: must be a digest, is missing/],
  ['no media type', { layers: [{ ...LAYER, mediaType: '' }] }, /layers\[0\]\.mediaType/],
  ['a media type with a line end', { layers: [{ ...LAYER, mediaType: 'a/b\nc' }] }, /layers\[0\]\.mediaType/],
  ['urls of another type', { layers: [{ ...LAYER, urls: [1] }] }, /layers\[0\]\.urls\[0\]/],
  ['an annotation of another type', { annotations: { a: 1 } }, /annotations\["a"\]: must be a string, is 1/],
  ['a control character in a key', { annotations: { 'a\nb': '' } }, /annotations\["a\\nb"\]/],
  ['a size by another name', { layers: [{ ...LAYER, Size: 1 }] }, /layers\[0\]: has "Size"/],
] as const)
  test(`refused: ${name}`, () => {
    assert.throws(() => parseManifest({ bytes: bytesOf(manifestJson(change)), mediaType: OCI_MANIFEST }), { message })
  })

test('embedded data is verified', () => {
  const config = { ...descriptorOf('{}', OCI_CONFIG), data: Buffer.from('{}').toString('base64') }
  const { config: read } = parseManifest({ bytes: bytesOf(manifestJson({ config })), mediaType: OCI_MANIFEST })
  assert.deepEqual(read.data, new Uint8Array(Buffer.from('{}')))
  const with_ = (change: Json): Uint8Array => bytesOf(manifestJson({ config: { ...config, ...change } }))
  refused(with_({ data: Buffer.from('[]').toString('base64') }), OCI_MANIFEST, 'data-loss', /config\.data: has digest sha256:/)
  refused(with_({ size: 3 }), OCI_MANIFEST, 'invalid-argument', /config\.data: has 2 bytes, size says 3/)
  refused(with_({ data: 'e30' }), OCI_MANIFEST, 'invalid-argument', /config\.data: must be base64/)
})

test('what is no document at all', () => {
  refused(new Uint8Array(), OCI_MANIFEST, 'invalid-argument', /is not JSON, at the end/)
  refused(bytesOf('{"a":'), OCI_MANIFEST, 'invalid-argument', /is not JSON/)
  refused(bytesOf('[]'), OCI_MANIFEST, 'invalid-argument', /^x: manifest: must be an object, is a list/)
  refused(bytesOf('\ufeff{}'), OCI_MANIFEST, 'invalid-argument', /is not JSON/)
  refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), OCI_MANIFEST, 'invalid-argument', /is not UTF-8/)
  refused(new Uint8Array(4 * 1024 * 1024 + 1), OCI_MANIFEST, 'invalid-argument', /has 4194305 bytes/)
  refused(bytesOf('['.repeat(1_000_000)), OCI_MANIFEST, 'invalid-argument', /nested deeper than 32/)
  refused(bytesOf(`[${'0,'.repeat(300_000)}0]`), OCI_MANIFEST, 'invalid-argument', /more than 200000 values/)
  refused(bytesOf('{"a":"\\'), OCI_MANIFEST, 'invalid-argument', /is not JSON/)
  refused(bytesOf('{"\\x":1}'), OCI_MANIFEST, 'invalid-argument', /is not JSON/)
})

test('an index where a manifest is wanted, and the reverse', () => {
  assert.throws(() => parseManifest({ bytes: bytesOf(indexJson()), mediaType: OCI_INDEX }, 'm'), {
    kind: 'unsupported',
    message: /^m: is an index where/,
  })
  assert.throws(() => parseIndex({ bytes: bytesOf(manifestJson()), mediaType: OCI_MANIFEST }, 'i'), { message: /^i: is a manifest where/ })
  assert.throws(() => parseIndex({ bytes: bytesOf(indexJson([undefined, undefined])), mediaType: OCI_INDEX }, 'i', { manifests: 1 }), {
    message: /at most 1 entries/,
  })
})

test('layers that can be unpacked', () => {
  assert.deepEqual(layerType(OCI_LAYER), { compression: 'none', foreign: false })
  assert.deepEqual(layerType(OCI_LAYER_ZSTD), { compression: 'zstd', foreign: false })
  assert.deepEqual(layerType('application/vnd.docker.image.rootfs.diff.tar'), { compression: 'none', foreign: false })
  assert.deepEqual(layerType('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'), { compression: 'gzip', foreign: true })
  assert.deepEqual(layerType('application/vnd.oci.image.layer.nondistributable.v1.tar+zstd'), { compression: 'zstd', foreign: true })
  for (const type of ['', 'text/plain', `${OCI_LAYER}+bzip2`, `${OCI_LAYER}+constructor`, `${OCI_LAYER}+gzip+gzip`, `x${OCI_LAYER}`])
    assert.equal(layerType(type), undefined, type)
})

test('what can be stored but not run', () => {
  const require_ = (change: Json): void =>
    requireImage(parseManifest({ bytes: bytesOf(manifestJson(change)), mediaType: OCI_MANIFEST }, 'm'), 'm')
  assert.throws(() => require_({ config: descriptorOf('{}', OCI_EMPTY), artifactType: 'application/vnd.example.chart' }), {
    kind: 'unsupported',
    message: 'm: is no image but an artifact of type application/vnd.example.chart; its config is no image config',
  })
  assert.throws(() => require_({ layers: [descriptorOf('l', `${OCI_LAYER}+gzip+encrypted`)] }), {
    message: /m: layers\[0\]: the layer is encrypted/,
  })
  assert.throws(() => require_({ layers: [descriptorOf('l', 'text/plain')] }), { message: /layers\[0\]: text\/plain is no layer/ })
  const foreign = { ...descriptorOf('l', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'), urls: ['http://169.254.169.254/'] }
  assert.throws(() => require_({ layers: [foreign] }), { kind: 'unsupported', message: /layers\[0\]: the layer is not in the registry/ })
  assert.throws(() => require_({ config: { mediaType: OCI_CONFIG, digest: digestOf(Buffer.from('')), size: 5_000_000 } }), {
    message: /config\.size/,
  })
})
