import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../../../image/digest.ts'
import { parseIndex } from '../../../../image/spec/manifest.ts'
import { OCI_INDEX } from '../../../../image/spec/media-types.ts'
import { amd64Level, formatPlatform, hostPlatform, parsePlatform, runsOn, selectManifest } from '../../../../image/spec/platform.ts'
import type { Index, Platform } from '../../../../image/spec/types.ts'
import { bytesOf, descriptorOf, indexJson, type Json } from '../../../support/documents.ts'

const plain = (text: string): Json => {
  const [os, architecture, variant] = text.split('/')
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}
const indexOf = (...platforms: readonly string[]): Index =>
  parseIndex({ bytes: bytesOf(indexJson(platforms.map(plain))), mediaType: OCI_INDEX })

/** Which of the platforms is chosen. */
const chosen = (platforms: readonly string[], wanted: string | Platform): string => {
  const index = indexOf(...platforms)
  const entry = selectManifest(index, typeof wanted === 'string' ? parsePlatform(wanted) : wanted)
  return platforms[index.manifests.indexOf(entry)]!
}

for (const [text, read] of [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['Linux/x86-64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['linux/i386', 'linux/386'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/arm64/8', 'linux/arm64'],
  ['linux/arm64/v8.0', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/arm/v5', 'linux/arm/v5'],
  ['macos/arm64', 'darwin/arm64'],
  ['linux/riscv64', 'linux/riscv64'],
  ['windows/amd64:10.0.17763', 'windows/amd64:10.0.17763'],
  ['aarch64', 'linux/arm64'],
] as const)
  test(`${text} is ${read}`, () => {
    assert.equal(formatPlatform(parsePlatform(text)), read)
  })

for (const [text, message] of [
  ['', /has an empty part/],
  ['linux/', /has an empty part/],
  ['linux//v7', /has an empty part/],
  ['linux/arm/v7/x', /more than three parts/],
  ['linux/a b', /"a b" is no part/],
  ['linux/amd64:', /has an empty part/],
  ['plan10', /neither a known operating system/],
  ['a\u001b/b', /is no part/],
] as const)
  test(`refuses platform ${JSON.stringify(text)}`, () => {
    assert.throws(() => parsePlatform(text), { kind: 'invalid-argument', message })
  })

test('the best variant', () => {
  const arms = ['linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm64/v8', 'linux/amd64']
  assert.equal(chosen(arms, 'linux/arm/v7'), 'linux/arm/v7')
  assert.equal(chosen(arms, 'linux/arm/v6'), 'linux/arm/v6')
  assert.equal(chosen(['linux/arm/v5', 'linux/arm/v6'], 'linux/arm'), 'linux/arm/v6')
  assert.equal(chosen(arms, 'linux/arm64'), 'linux/arm64/v8')
  assert.equal(chosen(['linux/arm64'], 'linux/arm64/v9'), 'linux/arm64')
  const amds = ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v3']
  assert.equal(chosen(amds, 'linux/amd64'), 'linux/amd64')
  assert.equal(chosen(amds, 'linux/amd64/v4'), 'linux/amd64/v3')
  assert.equal(chosen(amds, 'linux/amd64/v2'), 'linux/amd64/v2')
  assert.equal(chosen(['linux/s390x', 'linux/ppc64le'], 'linux/ppc64le'), 'linux/ppc64le')
})

test('a newer variant does not run on an older processor', () => {
  assert.throws(() => chosen(['linux/arm/v7'], 'linux/arm/v6'), { kind: 'not-found' })
  assert.throws(() => chosen(['linux/amd64/v3'], 'linux/amd64'), { kind: 'not-found' })
  assert.throws(() => chosen(['linux/arm/v7'], 'linux/arm64'), { kind: 'not-found' })
})

test('versions of the operating system', () => {
  const index = parseIndex({
    bytes: bytesOf(
      indexJson([
        { os: 'windows', architecture: 'amd64', 'os.version': '10.0.14393.1' },
        { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.9' },
      ]),
    ),
    mediaType: OCI_INDEX,
  })
  assert.equal(selectManifest(index, parsePlatform('windows/amd64:10.0.17763')), index.manifests[1])
  assert.equal(selectManifest(index, parsePlatform('windows/amd64')), index.manifests[0])
  assert.throws(() => selectManifest(index, parsePlatform('windows/amd64:10.0.1')), /there is windows\/amd64:10.0.14393.1, windows/)
})

test('this machine', () => {
  const { os, architecture } = hostPlatform()
  assert.equal(os, 'linux')
  const index = indexOf('linux/s390x', `linux/${architecture}`)
  assert.equal(selectManifest(index), index.manifests[1])
  assert.ok(runsOn({ os, architecture }))
  assert.ok(!runsOn({ os: 'windows', architecture }))
  const narrow = indexOf(architecture === 'amd64' ? 'linux/386' : 'linux/arm/v7')
  assert.equal(selectManifest(narrow), narrow.manifests[0])
})

test('levels of amd64', () => {
  const v2 = 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3'
  const v3 = `${v2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`
  assert.equal(amd64Level('flags\t\t: fpu sse2\n'), undefined)
  assert.equal(amd64Level(`processor: 0\nflags\t\t: fpu ${v2}\nbugs: x`), 'v2')
  assert.equal(amd64Level(`flags : ${v3}`), 'v3')
  assert.equal(amd64Level(`flags : ${v3} avx512f avx512bw avx512cd avx512dq avx512vl`), 'v4')
  assert.equal(amd64Level(''), undefined)
})

test('attestations are no images', () => {
  const index = parseIndex({
    bytes: bytesOf({
      schemaVersion: 2,
      manifests: [
        { ...descriptorOf('a'), mediaType: 'application/vnd.oci.image.manifest.v1+json', platform: plain('unknown/unknown') },
        {
          ...descriptorOf('b'),
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          platform: plain('linux/amd64'),
          annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
        },
      ],
    }),
    mediaType: OCI_INDEX,
  })
  assert.throws(() => selectManifest(index, parsePlatform('linux/amd64'), 'x'), {
    message: /^x: no image for linux\/amd64; there is nothing/,
  })
})

test('what there is is listed', () => {
  assert.throws(() => selectManifest(indexOf('linux/amd64', 'linux/arm/v7'), parsePlatform('linux/s390x'), 'alpine'), {
    kind: 'not-found',
    message: 'alpine: no image for linux/s390x; there is linux/amd64, linux/arm/v7: choose one with --platform',
  })
})

test('an only image without a platform', () => {
  const bare = (count: number): Index =>
    parseIndex({ bytes: bytesOf(indexJson(new Array<undefined>(count).fill(undefined))), mediaType: OCI_INDEX })
  const one = bare(1)
  assert.equal(selectManifest(one, parsePlatform('linux/arm64')), one.manifests[0])
  assert.throws(() => selectManifest(bare(2), parsePlatform('linux/arm64')), /there is one without a platform:/)
})

test('an index in an index', () => {
  const inner = { mediaType: OCI_INDEX, digest: digestOf(Buffer.from('x')), size: 1 }
  const index = parseIndex({ bytes: bytesOf({ schemaVersion: 2, manifests: [inner] }), mediaType: OCI_INDEX })
  assert.throws(() => selectManifest(index, undefined, 'x'), { kind: 'unsupported', message: /^x: has only further indexes/ })
})
