import assert from 'node:assert/strict'
import { existsSync, mkdirSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { describe, test } from 'node:test'
import { layerIdentities } from '../../../../image/store/chain-id.ts'
import { openStore } from '../../../../image/store/store.ts'
import type { Store } from '../../../../image/store/types.ts'
import { blobOf, descriptorOf, noise } from '../../../support/images.ts'
import {
  ALPINE,
  BUSYBOX,
  digestsOf,
  namesIn,
  putBlob,
  putContent,
  putImage,
  smallImage,
  useImage,
  withStore,
} from '../../../support/store.ts'

const content = (store: Store) => [namesIn(store, 'blobs/sha256').length, namesIn(store, 'layers/sha256').length]

describe('leases', () => {
  test('a lease keeps what was added while it lasts', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      const lease = await store.lease()
      await lease.add(...digestsOf(image))
      await lease.add(...digestsOf(image))
      await putContent(store, image)
      assert.deepEqual((await store.collect({ age: 0 })).blobs, 0)
      // another process would see the same file
      assert.deepEqual((await openStore(store.root).collect({ age: 0 })).blobs, 0)
      await lease.end()
      await lease.end()
      const { blobs, layers, bytes } = await store.collect({ age: 0 })
      assert.deepEqual([blobs, layers, content(store)], [4, 2, [0, 0]])
      assert.ok(bytes > 4 * 512)
      await assert.rejects(lease.add(image.document.digest), { kind: 'failed-precondition', message: /the lease has ended/ })
    }))

  test('one that is kept lasts until it is released', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one'))
      await useImage(store, ALPINE, 'container:a')
      assert.deepEqual(
        store.kept().map(({ owner }) => owner),
        ['container:a'],
      )
      const { released } = await store.images.remove(ALPINE, { force: true })
      await store.collect({ released, age: 0 })
      assert.deepEqual(content(store), [4, 2])
      await store.release('container:a')
      await store.release('container:a')
      await store.collect({ released })
      assert.deepEqual(content(store), [0, 0])
    }))

  test('one of an owner who does not exist ends, if it is not new', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one'))
      for (const owner of ['container:a', 'container:b', 'container:c']) await useImage(store, ALPINE, owner)
      for (const owner of ['container:a', 'container:b']) utimesSync(`${store.root}/leases/kept-${owner}`, 1, 1)
      const { owners } = await store.collect({ ownerExists: (owner) => owner === 'container:b' })
      assert.deepEqual(owners, ['container:a'])
      assert.deepEqual(
        store.kept().map(({ owner }) => owner),
        ['container:b', 'container:c'],
      )
    }))

  test('names of owners are no paths', () =>
    withStore(async (store) => {
      const lease = await store.lease()
      for (const owner of ['', '../x', 'a/b', 'a\n', '.', '-x', 'x'.repeat(300)])
        await assert.rejects(lease.keep(owner), { kind: 'invalid-argument', message: /owner of a lease/ })
      await lease.end()
    }))

  test('nothing is collected while one cannot be read', () =>
    withStore(async (store) => {
      await putContent(store, await smallImage('one'))
      writeFileSync(`${store.root}/leases/kept-container:a`, '{"version":1,"owner":"container:a"')
      await assert.rejects(store.collect({ age: 0 }), { kind: 'data-loss', message: /kept-container:a is damaged: remove container:a/ })
      assert.deepEqual(content(store), [4, 2])
      await store.release('container:a')
      await store.collect({ age: 0 })
      assert.deepEqual(content(store), [0, 0])
    }))
})

describe('collecting', () => {
  test('what an image was made of goes with it, but not what others share', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one', ['base', 'one']))
      await putImage(store, BUSYBOX, await smallImage('two', ['base', 'two']))
      assert.deepEqual(content(store), [7, 3])
      const { released } = await store.images.remove(ALPINE)
      const { blobs, layers } = await store.collect({ released })
      assert.deepEqual([blobs, layers], [3, 1])
      assert.ok((await store.check()).whole)
    }))

  test('what else is referred to by nothing has time: it may belong to a pull that goes on', () =>
    withStore(async (store) => {
      await putContent(store, await smallImage('one'))
      assert.deepEqual((await store.collect()).blobs, 0)
      assert.deepEqual((await store.collect({ age: 1_000_000 })).blobs, 0)
      assert.deepEqual((await store.collect({ age: 0 })).blobs, 4)
    }))

  test('the document that the registry resolved the name to stays', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await putContent(store, image)
      const index = blobOf('{"manifests":[]}', 'application/json')
      await putBlob(store, index)
      await store.images.put(ALPINE, descriptorOf(image.document), { digest: index.descriptor.digest })
      assert.deepEqual((await store.collect({ age: 0 })).blobs, 0)
    }))

  test('partial blobs: the old ones, never those that are written', () =>
    withStore(async (store) => {
      const [old, fresh, busy, useless] = [1, 2, 3, 4].map((seed) => blobOf(noise(1000, seed), 'application/x')) as [
        ReturnType<typeof blobOf>,
        ReturnType<typeof blobOf>,
        ReturnType<typeof blobOf>,
        ReturnType<typeof blobOf>,
      ]
      const path = ({ descriptor }: typeof old) => `${store.root}/ingest/${descriptor.digest.replace(':', '-')}`
      for (const blob of [old, fresh]) writeFileSync(path(blob), blob.bytes.subarray(0, 10))
      const ingest = (await store.blobs.ingest(busy.descriptor))!
      writeSync(ingest.fd, busy.bytes)
      await putBlob(store, useless)
      writeFileSync(path(useless), 'x')
      assert.equal((await store.collect()).unfinished, 1)
      assert.deepEqual(
        [old, fresh, busy, useless].map((blob) => existsSync(path(blob))),
        [true, true, true, false],
      )
      const lease = await store.lease()
      await lease.add(fresh.descriptor.digest)
      assert.equal((await store.collect({ age: 0 })).unfinished, 1)
      assert.deepEqual(
        [old, fresh, busy].map((blob) => existsSync(path(blob))),
        [false, true, true],
      )
      await ingest.commit()
      await lease.end()
    }))

  test('layers that nobody unpacks any more, never those that somebody does', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      const ingest = (await store.layers.begin(layerIdentities([image.layers[0]!.diffID])[0]!))!
      mkdirSync(`${store.root}/layers/tmp-sha256-dead/root/deep`, { recursive: true })
      assert.equal((await store.collect()).unfinished, 1)
      assert.deepEqual(namesIn(store, 'layers').length, 2)
      assert.ok(existsSync(ingest.folder))
      await ingest.discard()
    }))

  test('the trash of one that died', () =>
    withStore(async (store) => {
      mkdirSync(`${store.root}/ingest/trash-1-x/root`, { recursive: true })
      writeFileSync(`${store.root}/ingest/tmp-1-x`, '')
      await store.collect()
      assert.deepEqual(namesIn(store, 'ingest'), ['tmp-1-x'])
    }))

  test('leases of the dead', () =>
    withStore(async (store) => {
      const lease = await store.lease()
      writeFileSync(`${store.root}/leases/live-1-dead`, `${(await smallImage('x')).document.digest}\n`)
      await store.collect()
      assert.equal(namesIn(store, 'leases').length, 1)
      await lease.end()
      assert.deepEqual(namesIn(store, 'leases'), [])
    }))

  test('beside pulls: what a pull has seen to be there stays', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      const other = openStore(store.root)
      let running = true
      const collector = (async () => {
        while (running) {
          await other.collect({ age: 0 })
          await new Promise(setImmediate)
        }
      })()
      for (let round = 0; round < 15; round++) {
        const { released } = await putImage(store, ALPINE, image).then(() => store.images.remove(ALPINE))
        await store.collect({ released })
      }
      await putImage(store, ALPINE, image)
      running = false
      await collector
      const checked = await store.check()
      assert.deepEqual(checked.findings, [])
      assert.equal(checked.blobs, 4)
    }))
})

describe('usage', () => {
  test('tells what is shared, what is unique and what may go', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one', ['base', 'one']))
      await putImage(store, 'docker.io/library/alpine:latest', await smallImage('one', ['base', 'one']))
      await putImage(store, BUSYBOX, await smallImage('two', ['base', 'two']))
      await useImage(store, BUSYBOX, 'container:a')
      const usage = await store.usage()
      const [one, two] = usage.images as [(typeof usage.images)[number], (typeof usage.images)[number]]
      assert.deepEqual(
        usage.images.map(({ images, owners }) => [images.map(({ name }) => name), owners]),
        [
          [[ALPINE, 'docker.io/library/alpine:latest'], []],
          [[BUSYBOX], ['container:a']],
        ],
      )
      assert.equal(usage.active, 1)
      assert.ok(one.unique > 0 && one.unique < one.size)
      assert.equal(usage.blobs + usage.layers, one.unique + two.size)
      assert.equal(usage.reclaimable, one.unique)
      const { released } = await store.images.prune({ all: true })
      assert.equal((await store.collect({ released })).bytes, usage.reclaimable)
    }))

  test('an empty store', () =>
    withStore(async (store) => {
      const { images, active, blobs, layers, reclaimable } = await store.usage()
      assert.deepEqual([images, active, blobs, layers, reclaimable], [[], 0, 0, 0, 0])
    }))
})
