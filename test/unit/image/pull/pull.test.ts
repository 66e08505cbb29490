/** Pulling from a registry that behaves. */
import assert from 'node:assert/strict'
import { readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { encodedOf } from '../../../../image/digest.ts'
import type { PullProgress } from '../../../../image/pull/pull.ts'
import { removeTree } from '../../../../image/store/remove-tree.ts'
import { assertWhole, bulk, bulkImage, contentsOf, fetches, pullInto, serve, withRegistry } from '../../../support/pull.ts'
import { imageOf, indexOf, layerOf, noise } from '../../../support/images.ts'
import { refused } from '../../../support/registry/client.ts'
import { requires } from '../../../support/requires.ts'
import { withStore } from '../../../support/store.ts'

const skip = requires('root')
const ARM = { os: 'linux', architecture: 'arm64' }
const AMD = { os: 'linux', architecture: 'amd64' }

describe('a pull', { skip }, () => {
  test('brings documents, blobs, layers and the name', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await imageOf({
          layers: [
            [{ name: './' }, { name: 'etc/' }, { name: 'etc/a', content: 'one' }],
            [{ name: './' }, { name: 'etc/' }, { name: 'etc/b', content: 'two' }],
          ],
          config: { Env: ['A=b'] },
        })
        const text = serve(registry, image, 'one')
        const pulled = await pullInto(store, text)
        assert.deepEqual(
          [pulled.id, pulled.digest, pulled.name, pulled.fresh],
          [image.config.descriptor.digest, image.document.digest, text, true],
        )
        assert.deepEqual(pulled.config.config.Env, ['A=b'])
        assert.deepEqual(
          pulled.layers.map(({ root }, index) => readFileSync(`${root}/etc/${'ab'[index]}`, 'utf8')),
          ['one', 'two'],
        )
        const found = store.images.find(text)
        assert.deepEqual([found?.id, found?.digest], [pulled.id, image.document.digest])
        assert.deepEqual(
          contentsOf(store).blobs,
          [image.document.digest, ...image.blobs.map(({ descriptor }) => descriptor.digest)].map(encodedOf).sort(),
        )
        assert.deepEqual([...contentsOf(store).partial], [])
        await assertWhole(store)
        await store.collect({ age: 0 })
        assert.equal(contentsOf(store).layers.length, 2)
      }),
    ))

  test('a second time fetches the manifest and nothing else', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const text = serve(registry, await bulkImage([1000, 2000]), 'one')
        await pullInto(store, text)
        const before = readFileSync(`${store.root}/index.json`, 'utf8')
        registry.behave()
        const states: string[] = []
        const again = await pullInto(store, text, { onProgress: ({ state }) => void states.push(state) })
        assert.equal(again.fresh, false)
        assert.deepEqual(registry.log(/GET \/v2\/./), ['GET /v2/team/app/manifests/one 200'])
        assert.deepEqual(states, ['waiting', 'waiting', 'exists', 'exists'])
        assert.equal(readFileSync(`${store.root}/index.json`, 'utf8'), before)
      }),
    ))

  test('by digest asks for nothing that is there', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([1000])
        serve(registry, image, 'one')
        const text = `${registry.host}/team/app:other@${image.document.digest}`
        const { name } = await pullInto(store, text)
        assert.equal(name, `${registry.host}/team/app@${image.document.digest}`)
        registry.behave()
        assert.equal((await pullInto(store, text)).fresh, false)
        assert.deepEqual(registry.log(), [])
        assert.equal(store.images.find(text.replace(':other', ''))?.id, image.config.descriptor.digest)
      }),
    ))

  test('of a tag that has moved leaves the old image without a name, and fetches what is new', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const base = await layerOf(bulk('base', 5000))
        const [one, two] = [await imageOf({ layers: [base, bulk('one', 100)] }), await imageOf({ layers: [base, bulk('two', 100)] })]
        const text = serve(registry, one, 'tag')
        await pullInto(store, text)
        registry.behave()
        serve(registry, two, 'tag')
        assert.equal((await pullInto(store, text)).fresh, true)
        assert.deepEqual(
          [...fetches(registry).keys()].sort(),
          [two.config, two.layers[1]!].map(({ descriptor }) => descriptor.digest).sort(),
        )
        assert.deepEqual(
          store.images.list().map(({ name, id }) => [name, id]),
          [
            [undefined, one.config.descriptor.digest],
            [text, two.config.descriptor.digest],
          ],
        )
        await assertWhole(store)
      }),
    ))

  test('unpacks gzip, zstd and plain layers', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const kinds = ['gzip', 'zstd', 'none'] as const
        const layers = await Promise.all(kinds.map((compression) => layerOf(bulk(compression, 300_000), { compression })))
        const { layers: pulled } = await pullInto(store, serve(registry, await imageOf({ layers }), 'one'))
        assert.deepEqual(
          pulled.map(({ root }, index) => statSync(`${root}/${kinds[index]}/0`).size),
          [75_000, 75_000, 75_000],
        )
      }),
    ))

  test('gives implied folders and links what the layers below have', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await imageOf({
          layers: [
            [{ name: './' }, { name: 'tmp/', mode: 0o1777 }, { name: 'file', content: 'below', mode: 0o640, uid: 5 }],
            [{ name: 'tmp/f', content: 'f' }],
            [{ name: './' }, { name: 'link', type: 'link', linkname: 'file' }],
          ],
        })
        const { layers } = await pullInto(store, serve(registry, image, 'one'))
        assert.deepEqual(
          layers.map(({ kind }) => kind),
          ['diff', 'chain', 'chain'],
        )
        assert.equal(statSync(`${layers[1]!.root}/tmp`).mode & 0o7777, 0o1777)
        const { mode, uid } = statSync(`${layers[2]!.root}/link`)
        assert.deepEqual([mode & 0o7777, uid, readFileSync(`${layers[2]!.root}/link`, 'utf8')], [0o640, 5, 'below'])
        await assertWhole(store)
      }),
    ))

  test('takes a layer that is there twice once', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const [empty, other, implied] = [
          await layerOf([{ name: './' }]),
          await layerOf(bulk('other', 100)),
          await layerOf([{ name: 'other/x', content: 'x' }]),
        ]
        const { layers } = await pullInto(store, serve(registry, await imageOf({ layers: [empty, other, empty, implied, implied] }), 'one'))
        assert.equal(layers.length, 5)
        assert.equal(layers[0]!.key, layers[2]!.key)
        assert.notEqual(layers[3]!.key, layers[4]!.key)
        assert.deepEqual([...new Set(fetches(registry).values())], [1])
        await assertWhole(store)
      }),
    ))

  test('of an image without layers', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const { layers } = await pullInto(store, serve(registry, await imageOf({ layers: [] }), 'one'))
        assert.deepEqual(layers, [])
      }),
    ))

  test('without a name leaves it dangling', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const text = serve(registry, await bulkImage([100]), 'one')
        const { name } = await pullInto(store, text, { reference: undefined } as never)
        assert.equal(name, undefined)
        assert.deepEqual(
          store.images.list().map((image) => image.name),
          [undefined],
        )
      }),
    ))
})

describe('platforms', { skip }, () => {
  test('the wanted one is taken from an index, which is kept', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const index = indexOf([
          await imageOf({ layers: [bulk('amd', 100)], platform: AMD }),
          await imageOf({ layers: [bulk('arm', 100)], platform: ARM }),
        ])
        const text = serve(registry, index, 'one')
        const pulled = await pullInto(store, text, { platform: ARM })
        assert.deepEqual(
          [pulled.platform, pulled.digest, pulled.descriptor.digest],
          [ARM, index.document.digest, index.images[1]!.document.digest],
        )
        assert.ok(store.blobs.has(index.document.digest))
        assert.equal(store.images.find(text)?.digest, index.document.digest)
        await assertWhole(store)
        assert.equal((await pullInto(store, text, { platform: AMD })).id, index.images[0]!.config.descriptor.digest)
        assert.equal((await pullInto(store, text, { platform: AMD })).fresh, false)
      }),
    ))

  test('what there is is listed if there is none', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const [amd, arm] = [
          await imageOf({ layers: [], platform: AMD }),
          await imageOf({ layers: [], platform: { ...ARM, variant: 'v8' } }),
        ]
        const text = serve(registry, indexOf([amd, arm]), 'one')
        const wanted = { platform: { os: 'linux', architecture: 's390x' } }
        await refused(pullInto(store, text, wanted), 'not-found', 'no image for linux/s390x', 'linux/amd64', 'linux/arm64', text)
        const single = serve(registry, amd, 'single')
        await refused(pullInto(store, single, wanted), 'not-found', 'no image for linux/s390x', 'linux/amd64', single)
        assert.deepEqual(store.images.list(), [])
      }),
    ))
})

describe('what is there already', { skip }, () => {
  test('a blob whose layer is gone is unpacked and not fetched', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const text = serve(registry, await bulkImage([200_000, 1000]), 'one')
        const { layers } = await pullInto(store, text)
        await removeTree(layers[0]!.root.replace(/\/root$/, ''))
        registry.behave()
        const seen: PullProgress[] = []
        const again = await pullInto(store, text, { onProgress: (progress) => void seen.push(progress) })
        assert.equal(again.fresh, true)
        assert.deepEqual([...fetches(registry)], [])
        const states = seen.filter(({ index }) => index === 0).map(({ state }) => state)
        assert.deepEqual([...new Set(states)], ['waiting', 'unpacking', 'done'])
        await assertWhole(store)
      }),
    ))

  test('a layer whose blob is gone is fetched and not unpacked', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([1000])
        const text = serve(registry, image, 'one')
        const { layers } = await pullInto(store, text)
        const { digest } = image.layers[0]!.descriptor
        const before = statSync(layers[0]!.root).ino
        await removeTree(`${store.root}/blobs/sha256/${encodedOf(digest)}`)
        registry.behave()
        const again = await pullInto(store, text)
        assert.deepEqual([...fetches(registry)], [[digest, 1]])
        assert.equal(statSync(again.layers[0]!.root).ino, before)
        await assertWhole(store)
      }),
    ))

  test('a damaged blob is found out while it is unpacked, and fetched again', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([100_000])
        const text = serve(registry, image, 'one')
        const { layers } = await pullInto(store, text)
        const { digest, size } = image.layers[0]!.descriptor
        for (const bytes of [Buffer.alloc(size), Buffer.concat([image.layers[0]!.bytes.subarray(0, -1), Buffer.from('x')])]) {
          await removeTree(layers[0]!.root.replace(/\/root$/, ''))
          writeFileSync(`${store.root}/blobs/sha256/${encodedOf(digest)}`, bytes)
          registry.behave()
          await pullInto(store, text)
          assert.deepEqual([...fetches(registry)], [[digest, 1]])
          await assertWhole(store)
        }
      }),
    ))

  test('damaged documents are fetched again', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const index = indexOf([await imageOf({ layers: [bulk('a', 100)] })])
        const text = serve(registry, index, 'one')
        await pullInto(store, text)
        const [image] = index.images
        for (const { digest, size } of [
          image!.descriptor,
          image!.config.descriptor,
          { digest: index.document.digest, size: index.document.bytes.length },
        ]) {
          writeFileSync(`${store.root}/blobs/sha256/${encodedOf(digest)}`, Buffer.alloc(size, 32))
          await pullInto(store, text)
          await assertWhole(store)
        }
      }),
    ))

  test('a part of a blob is gone on with, and if it is wrong the blob is fetched anew', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([500_000])
        const text = serve(registry, image, 'one')
        const { digest } = image.layers[0]!.descriptor
        const partial = `${store.root}/ingest/sha256-${encodedOf(digest)}`
        const ranges = (): unknown[] => registry.requests.filter(({ url }) => url.endsWith(digest)).map(({ headers }) => headers.range)
        writeFileSync(partial, image.layers[0]!.bytes.subarray(0, 300_000))
        await pullInto(store, text)
        assert.deepEqual(ranges(), ['bytes=300000-'])
        await assertWhole(store)

        await store.images.remove(text)
        await store.collect({ age: 0 })
        registry.behave()
        writeFileSync(partial, Buffer.alloc(300_000))
        await pullInto(store, text)
        assert.deepEqual(ranges(), ['bytes=300000-', undefined])
        await assertWhole(store)
      }),
    ))

  test('a layer that was compressed otherwise: the blob is wanted, the layer is there', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const plain = await layerOf(
          [{ name: './' }, { name: 'big', content: noise(3_000_000) }, { name: 'to', type: 'symlink', linkname: 'big' }],
          { compression: 'none' },
        )
        const { layers } = await pullInto(store, serve(registry, await imageOf({ layers: [plain] }), 'one'))
        assert.equal(readlinkSync(`${layers[0]!.root}/to`), 'big')
        registry.behave()
        const other = await imageOf({ layers: [await layerOf(plain.tar)] })
        const again = await pullInto(store, serve(registry, other, 'two'))
        assert.equal(again.layers[0]!.key, layers[0]!.key)
        assert.deepEqual([...fetches(registry)], [[other.layers[0]!.descriptor.digest, 1]])
        await assertWhole(store)
      }),
    ))
})
