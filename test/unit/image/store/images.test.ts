import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { digestOf } from '../../../../image/digest.ts'
import type { Store } from '../../../../image/store/types.ts'
import { descriptorOf, imageOf, indexOf, OCI_INDEX } from '../../../support/images.ts'
import { ALPINE, BUSYBOX, putContent, putImage, smallImage, useImage, withStore } from '../../../support/store.ts'

const names = (store: Store) => store.images.list().map(({ name, repository }) => name ?? `<none> ${repository ?? ''}`)
const entries = (store: Store) => JSON.parse(readFileSync(`${store.root}/index.json`, 'utf8')).manifests
const edit = (store: Store, manifests: readonly unknown[], more = {}) =>
  writeFileSync(`${store.root}/index.json`, JSON.stringify({ schemaVersion: 2, manifests, ...more }))

const named = (name: string) => ({ 'org.opencontainers.image.ref.name': name })

describe('images', () => {
  test('are found by name, by digest, by id and its beginning', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      const { digest } = image.document
      const registry = digestOf(Buffer.from('index'))
      await putContent(store, image)
      const pulled = new Date('2026-01-02T03:04:05.678Z')
      const put = await store.images.put(ALPINE, descriptorOf(image.document), { digest: registry, pulled })
      const id = image.config.descriptor.digest
      assert.deepEqual(put, {
        name: ALPINE,
        repository: 'docker.io/library/alpine',
        descriptor: descriptorOf(image.document),
        manifest: descriptorOf(image.document),
        digest: registry,
        pulled,
        id,
      })
      const hex = id.slice('sha256:'.length)
      for (const text of [
        'alpine:3.19',
        ALPINE,
        `alpine@${registry}`,
        `alpine@${digest}`,
        `alpine:3.19@${registry}`,
        id,
        hex,
        hex.slice(0, 12),
        hex.slice(0, 1),
        digest,
      ])
        assert.deepEqual(store.images.find(text), put, text)
      for (const text of ['alpine', 'alpine:3.18', `busybox@${registry}`, '', 'x y', hex.toUpperCase(), `${hex}0`])
        assert.equal(store.images.find(text), undefined, text)
    }))

  test('an ambiguous beginning of an id names the candidates', () =>
    withStore(async (store) => {
      const images = []
      for (let at = 0; images.length < 17; at++) images.push(await putImage(store, `docker.io/library/i${at}:1`, await smallImage(`${at}`)))
      const first = images.map(({ id }) => id!.slice(7, 8))
      const twice = first.find((digit, at) => first.indexOf(digit) !== at)!
      const candidates = images.filter(({ id }) => id!.slice(7, 8) === twice)
      assert.throws(
        () => store.images.find(twice),
        (error: Error) =>
          'kind' in error &&
          error.kind === 'invalid-argument' &&
          candidates.every(({ id, name }) => error.message.includes(`${id!.slice(7, 19)} (${name})`)),
      )
    }))

  test('a name is found before an id that begins like it', () =>
    withStore(async (store) => {
      const other = await putImage(store, ALPINE, await smallImage('one'))
      const text = other.id!.slice(7, 11)
      const image = await putImage(store, `docker.io/library/${text}:latest`, await smallImage('two'))
      assert.equal(store.images.find(text)?.id, image.id)
    }))

  test('a tag that moves leaves the earlier image without a name, once', () =>
    withStore(async (store) => {
      const [one, two] = [await smallImage('one'), await smallImage('two')]
      await putImage(store, ALPINE, one)
      await putImage(store, BUSYBOX, two)
      await putImage(store, ALPINE, two)
      assert.deepEqual(names(store), ['<none> docker.io/library/alpine', BUSYBOX, ALPINE])
      await putImage(store, ALPINE, two)
      assert.deepEqual(names(store), ['<none> docker.io/library/alpine', BUSYBOX, ALPINE])
      // busybox still has it: it does not dangle; one has a name again
      await putImage(store, ALPINE, one)
      assert.deepEqual(names(store), [ALPINE, BUSYBOX])
    }))

  test('one that is put without a name dangles until it has one', () =>
    withStore(async (store) => {
      const one = await smallImage('one')
      await putImage(store, undefined, one)
      assert.deepEqual(names(store), ['<none> '])
      await putImage(store, ALPINE, one)
      assert.deepEqual(names(store), [ALPINE])
    }))

  test('one that lacks a blob gets no name', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await store.blobs.put(image.document.bytes, image.document.digest)
      await assert.rejects(store.images.put(ALPINE, descriptorOf(image.document)), {
        kind: 'failed-precondition',
        message: new RegExp(`lacks .*${image.layers[1]!.descriptor.digest}`),
      })
      assert.deepEqual(store.images.list(), [])
    }))

  test('changes at once are all there afterwards', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await putContent(store, image)
      const all = Array.from({ length: 20 }, (_, at) => `docker.io/library/alpine:${at}`)
      await Promise.all(all.map((name) => store.images.put(name, descriptorOf(image.document))))
      assert.deepEqual(names(store).sort(), all.sort())
    }))

  describe('removing', () => {
    test('a name of several, then the last', () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        const { id } = await putImage(store, ALPINE, image)
        await putImage(store, BUSYBOX, image)
        const first = await store.images.remove('busybox')
        assert.deepEqual([first.untagged, first.deleted], [[BUSYBOX], []])
        const second = await store.images.remove('alpine:3.19')
        assert.deepEqual([second.untagged, second.deleted], [[ALPINE], [id]])
        assert.ok([...image.layers.map(({ diffID }) => diffID), image.document.digest].every((digest) => second.released.has(digest)))
        await assert.rejects(store.images.remove('alpine:3.19'), { kind: 'not-found', message: /alpine:3\.19 is not in the store/ })
      }))

    test('by id, with all its names only if forced', () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        const { id } = await putImage(store, ALPINE, image)
        await putImage(store, BUSYBOX, image)
        await assert.rejects(store.images.remove(id!.slice(7, 19)), {
          kind: 'failed-precondition',
          message: /has 2 names: .*alpine:3\.19, .*busybox:latest/,
        })
        const { untagged, deleted } = await store.images.remove(id!.slice(7, 19), { force: true })
        assert.deepEqual([untagged, deleted], [[ALPINE, BUSYBOX], [id]])
      }))

    test('what a container uses only if forced, naming the container', () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        await putImage(store, ALPINE, image)
        await putImage(store, BUSYBOX, image)
        await useImage(store, ALPINE, 'container:4f3a')
        await store.images.remove(BUSYBOX)
        await assert.rejects(store.images.remove(ALPINE), {
          kind: 'failed-precondition',
          message: /is used by container:4f3a: remove what uses it first/,
        })
        assert.deepEqual((await store.images.prune({ all: true })).deleted, [])
        assert.deepEqual(names(store), [ALPINE])
        await store.images.remove(ALPINE, { force: true })
        assert.deepEqual(names(store), [])
      }))

    test('pruning: what has no name, or all', () =>
      withStore(async (store) => {
        await putImage(store, ALPINE, await smallImage('one'))
        const { id } = (await putImage(store, ALPINE, await smallImage('two')))!
        await putImage(store, BUSYBOX, await smallImage('three'))
        await useImage(store, BUSYBOX, 'container:x')
        assert.equal((await store.images.prune()).deleted.length, 1)
        assert.deepEqual(names(store), [ALPINE, BUSYBOX])
        const { deleted, untagged } = await store.images.prune({ all: true })
        assert.deepEqual([deleted, untagged], [[id], [ALPINE]])
        assert.deepEqual((await store.images.prune({ all: true })).deleted, [])
      }))
  })

  describe('put there by others', () => {
    test('short names are what they stand for; the later entry has the name', () =>
      withStore(async (store) => {
        const [one, two] = [await smallImage('one'), await smallImage('two')]
        await putImage(store, ALPINE, one)
        await putContent(store, two)
        edit(store, [...entries(store), { ...descriptorOf(two.document), annotations: named('alpine:3.19') }])
        assert.deepEqual(names(store), ['<none> docker.io/library/alpine', ALPINE])
        assert.equal(store.images.find('alpine:3.19')?.descriptor.digest, two.document.digest)
        await store.images.remove('alpine:3.19')
        assert.deepEqual(names(store), ['<none> docker.io/library/alpine'])
      }))

    test('what is not understood stays as it is', () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        await putContent(store, image)
        const odd = [
          7,
          null,
          { mediaType: 'x' },
          { mediaType: 'application/x', digest: image.document.digest, size: 3, future: [1] },
          { ...descriptorOf(image.document), digest: 'sha256:../../../etc', annotations: named('evil') },
        ]
        edit(store, odd, { annotations: { a: 'b' }, future: true })
        await store.images.put(ALPINE, descriptorOf(image.document))
        const now = JSON.parse(readFileSync(`${store.root}/index.json`, 'utf8'))
        assert.deepEqual([now.manifests.slice(0, -1), now.annotations, now.future], [odd, { a: 'b' }, true])
        assert.deepEqual(names(store), [ALPINE])
      }))

    test('a name that is no reference', () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        await putContent(store, image)
        edit(store, [{ ...descriptorOf(image.document), annotations: named('My Tag') }])
        assert.equal(store.images.find('My Tag')?.id, image.config.descriptor.digest)
        assert.deepEqual((await store.images.remove('My Tag')).untagged, ['My Tag'])
      }))

    test('an index is the image of this machine, even if the others were left out', () =>
      withStore(async (store) => {
        const here = await smallImage('here')
        const other = await imageOf({ layers: [[{ name: 'x' }]], platform: { os: 'linux', architecture: 's390x' } })
        const index = indexOf([other, here])
        await putContent(store, here)
        await store.blobs.put(index.document.bytes, index.document.digest)
        const image = await store.images.put(ALPINE, descriptorOf(index.document))
        assert.equal(image.id, here.config.descriptor.digest)
        assert.equal(image.manifest?.digest, here.document.digest)
        assert.ok(store.images.reach(image).includes(here.layers[0]!.diffID))
      }))

    test('an index with nothing for this machine is listed without an id', () =>
      withStore(async (store) => {
        const other = await imageOf({ layers: [[{ name: 'x' }]], platform: { os: 'linux', architecture: 's390x' } })
        const index = indexOf([other])
        await putContent(store, other)
        await store.blobs.put(index.document.bytes, index.document.digest)
        edit(store, [{ ...descriptorOf(index.document), mediaType: OCI_INDEX, annotations: named('alpine:3.19') }])
        const image = store.images.find(ALPINE)!
        assert.deepEqual([image.name, image.id, image.manifest], [ALPINE, undefined, undefined])
      }))

    test('a damaged file is not taken for an empty one', () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        await putContent(store, image)
        for (const text of ['', '{"schemaVersion":2,"mani', '[]', '{"manifests":{}}']) {
          writeFileSync(`${store.root}/index.json`, text)
          assert.throws(() => store.images.list(), { kind: 'data-loss', message: /index\.json is damaged: `wherry system check --repair`/ })
          await assert.rejects(store.images.put(ALPINE, descriptorOf(image.document)), { kind: 'data-loss' })
          await assert.rejects(store.collect({ age: 0 }), { kind: 'data-loss' })
          assert.equal(readFileSync(`${store.root}/index.json`, 'utf8'), text)
        }
        assert.ok(store.blobs.has(image.document.digest))
      }))
  })
})
