/**
 * Documents of images as an attacker writes them, in a store that collects and checks: no path comes out of them, nothing of other images goes
 * with them, nothing takes for ever.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { removeTree } from '../../image/store/remove-tree.ts'
import { openStore } from '../../image/store/store.ts'
import type { Store } from '../../image/store/types.ts'
import { blobOf, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../support/images.ts'
import { ALPINE, BUSYBOX, putBlob, putImage, smallImage } from '../support/store.ts'

/** A store beside a canary that all paths lead to, and an image of somebody else in it. */
const attacked = async (attack: (store: Store, canary: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(`${tmpdir()}/wherry-store-`)
  try {
    const store = openStore(`${folder}/store`)
    writeFileSync(`${folder}/canary`, 'canary')
    const victim = await putImage(store, BUSYBOX, await smallImage('victim'))
    await attack(store, `${folder}/canary`)
    assert.equal(readFileSync(`${folder}/canary`, 'utf8'), 'canary')
    assert.deepEqual(store.images.find(BUSYBOX), victim)
    assert.ok(store.images.reach(victim).length === 7)
    const checked = await store.check({ repair: true })
    assert.ok(checked.findings.every(({ names }) => !names.includes(BUSYBOX)))
  } finally {
    await removeTree(folder)
  }
}

const putDocument = async (store: Store, value: unknown, mediaType: string) => {
  const blob = blobOf(typeof value === 'string' ? value : JSON.stringify(value), mediaType)
  await putBlob(store, blob)
  return blob.descriptor
}

const PATHS = [
  'sha256:../../../canary',
  '../../canary',
  '/etc/passwd',
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}/`,
  `sha256/${'a'.repeat(64)}`,
  '__proto__',
  '',
]

/** Puts the entry where skopeo would. */
const addEntry = (store: Store, entry: object): void => {
  const path = `${store.root}/index.json`
  const index = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...index, manifests: [...index.manifests, entry] }))
}

test('digests that are paths are no digests', () =>
  attacked(async (store, canary) => {
    const config = await putDocument(store, { rootfs: { type: 'layers', diff_ids: PATHS } }, OCI_CONFIG)
    const layers = PATHS.map((digest) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 6 }))
    const manifest = await putDocument(store, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }, OCI_MANIFEST)
    const image = await store.images.put(ALPINE, manifest)
    assert.deepEqual(store.images.reach(image).sort(), [manifest.digest, config.digest].sort())
    for (const digest of PATHS)
      addEntry(store, { mediaType: OCI_MANIFEST, digest, size: 6, annotations: { 'org.opencontainers.image.ref.name': 'evil' } })
    assert.equal(store.images.find('evil'), undefined)
    const { released } = await store.images.remove(ALPINE)
    assert.deepEqual([...released].sort(), [manifest.digest, config.digest].sort())
    await store.collect({ released, age: 0 })
    assert.ok(existsSync(canary))
  }))

test('annotations with the names of ours do not make an image another one', () =>
  attacked(async (store) => {
    const image = await smallImage('evil')
    const manifest = {
      ...JSON.parse(Buffer.from(image.document.bytes).toString()),
      annotations: {
        'org.opencontainers.image.ref.name': BUSYBOX,
        'dev.wherry.image.digest': `sha256:${'0'.repeat(64)}`,
        'dev.wherry.image.repository': 'docker.io/library/busybox',
      },
    }
    for (const blob of image.blobs) await putBlob(store, blob)
    const put = await store.images.put(ALPINE, await putDocument(store, manifest, OCI_MANIFEST))
    assert.deepEqual([put.name, put.digest === put.descriptor.digest], [ALPINE, true])
    assert.equal(store.images.list().length, 2)
  }))

test('keys of JavaScript’s objects are keys', () =>
  attacked(async (store) => {
    const text =
      '{"schemaVersion":2,"__proto__":{"manifests":[1],"polluted":true},"constructor":{"prototype":{"polluted":true}},"config":{"__proto__":{"digest":"x"}}}'
    addEntry(store, {
      ...(await putDocument(store, text, OCI_MANIFEST)),
      annotations: JSON.parse('{"__proto__":{"x":1},"org.opencontainers.image.ref.name":"__proto__"}'),
    })
    const image = store.images.find('__proto__')
    assert.deepEqual([image?.name, image?.id], ['__proto__', undefined])
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    await store.images.put(ALPINE, (await putImage(store, ALPINE, await smallImage('one'))).descriptor)
    assert.equal(store.images.find('__proto__')?.name, '__proto__')
  }))

test('documents that are deep, large or no documents are read within bounds', () =>
  attacked(async (store) => {
    const bodies = [
      `${'['.repeat(2_000_000)}`,
      `${'{"a":'.repeat(600_000)}1${'}'.repeat(600_000)}`,
      'null',
      '"x"',
      '[]',
      '\xff\xfe',
      '',
      `{"layers":[${'{},'.repeat(900_000)}{}]}`,
    ]
    for (const [at, body] of bodies.entries())
      for (const mediaType of [OCI_MANIFEST, OCI_INDEX])
        addEntry(store, {
          ...(await putDocument(store, body, mediaType)),
          annotations: { 'org.opencontainers.image.ref.name': `deep${at}` },
        })
    const large = blobOf(Buffer.alloc(5 * 1024 * 1024, ' '), OCI_MANIFEST)
    await putBlob(store, large)
    addEntry(store, large.descriptor)
    assert.ok(store.images.list().every(({ id, name }) => name === BUSYBOX || id === undefined))
    await store.collect({ age: 0 })
    const { findings } = await store.check()
    assert.deepEqual(findings, [])
  }))

test('an index that has itself below it many times over is walked once', () =>
  attacked(async (store) => {
    let below = await putDocument(store, { schemaVersion: 2, manifests: [] }, OCI_INDEX)
    for (let level = 0; level < 12; level++)
      below = await putDocument(store, { schemaVersion: 2, level, manifests: Array.from({ length: 1000 }, () => below) }, OCI_INDEX)
    const image = await store.images.put(ALPINE, below)
    assert.equal(image.id, undefined)
    const { released } = await store.images.remove(ALPINE)
    await store.collect({ released, age: 0 })
  }))

test('an image that claims the parts of another takes nothing with it', () =>
  attacked(async (store) => {
    const victim = await smallImage('victim')
    const layers = victim.layers.map(({ descriptor }) => descriptor)
    const config = await putDocument(store, { rootfs: { diff_ids: victim.layers.map(({ diffID }) => diffID) }, evil: true }, OCI_CONFIG)
    const manifest = await putDocument(
      store,
      { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [...layers, victim.config.descriptor] },
      OCI_MANIFEST,
    )
    await store.images.put(ALPINE, manifest)
    const { released } = await store.images.remove(ALPINE)
    await store.collect({ released, age: 0 })
    assert.deepEqual((await store.check()).findings, [])
  }))

test('what one manifest calls its layer and another its config is both', () =>
  attacked(async (store) => {
    const inner = await smallImage('inner')
    for (const blob of inner.blobs) await putBlob(store, blob)
    const innerManifest = await putDocument(store, JSON.parse(Buffer.from(inner.document.bytes).toString()), OCI_MANIFEST)
    const tar = (descriptor: object) => ({ ...descriptor, mediaType: 'application/vnd.oci.image.layer.v1.tar' })
    const config = await putDocument(store, { rootfs: { diff_ids: [] } }, OCI_CONFIG)
    const layers = [tar(innerManifest), tar(inner.config.descriptor)]
    const outer = await putDocument(store, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }, OCI_MANIFEST)
    const nested = await putDocument(store, { schemaVersion: 2, manifests: [innerManifest] }, OCI_INDEX)
    const image = await store.images.put(ALPINE, await putDocument(store, { schemaVersion: 2, manifests: [outer, nested] }, OCI_INDEX))
    const reached = store.images.reach(image)
    for (const { descriptor, diffID } of inner.layers) assert.ok(reached.includes(descriptor.digest) && reached.includes(diffID))
    await store.collect({ age: 0 })
    assert.deepEqual((await store.check()).findings, [])
  }))
