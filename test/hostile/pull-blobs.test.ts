/**
 * A registry, or whoever is between, that sends other bytes than it promised: every document and blob altered in turn. Each is refused by
 * what is wrong, and the store is as it was.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type Digest, digestOf, encodedOf } from '../../image/digest.ts'
import type { Store } from '../../image/store/types.ts'
import type { ErrorKind } from '../../runtime/errors.ts'
import { documentOf, imageOf, indexOf, layerOf, OCI_INDEX, OCI_MANIFEST, type TestContent } from '../support/images.ts'
import { assertWhole, bulk, bulkImage, contentsOf, fetches, pullInto, serve, withRegistry } from '../support/pull.ts'
import { refused } from '../support/registry/client.ts'
import { flip, lengthenBy, shortenTo, withBody } from '../support/registry/misbehave.ts'
import type { Misbehaviour, TestRegistry } from '../support/registry/server.ts'
import { requires } from '../support/requires.ts'
import { withStore } from '../support/store.ts'

const skip = requires('root')

/** Calls with a store that has an image, whose things and name must be there as they were when it is over. */
const withGoodStore = (use: (registry: TestRegistry, store: Store) => Promise<void>): Promise<void> =>
  withRegistry((registry) =>
    withStore(async (store) => {
      await pullInto(store, serve(registry, await bulkImage([2000], 'good'), 'good'))
      const state = (): unknown => [readFileSync(`${store.root}/index.json`, 'utf8'), contentsOf(store).layers, contentsOf(store).blobs]
      const before = state()
      registry.behave()
      await use(registry, store)
      await store.collect({ age: 0 })
      assert.deepEqual(state(), before)
      await assertWhole(store)
    }),
  )

interface Lie {
  readonly name: string
  readonly misbehaviour: (bytes: Buffer) => Misbehaviour
  readonly kind: ErrorKind
}

const LIES: readonly Lie[] = [
  { name: 'a bit at the beginning', misbehaviour: () => flip(0), kind: 'data-loss' },
  { name: 'a bit in the middle', misbehaviour: (bytes) => flip(bytes.length >> 1), kind: 'data-loss' },
  { name: 'a bit at the end', misbehaviour: (bytes) => flip(bytes.length - 1), kind: 'data-loss' },
  { name: 'an end too soon', misbehaviour: (bytes) => shortenTo(bytes.length >> 1), kind: 'data-loss' },
  { name: 'more behind the end', misbehaviour: () => lengthenBy(Buffer.from('more')), kind: 'data-loss' },
  { name: 'zeros', misbehaviour: (bytes) => withBody(Buffer.alloc(bytes.length)), kind: 'data-loss' },
  { name: 'nothing', misbehaviour: () => withBody(''), kind: 'data-loss' },
]

for (const compression of ['gzip', 'zstd', 'none'] as const)
  describe(`every blob of an image of ${compression} layers is altered once`, { skip }, () => {
    for (const { name, misbehaviour, kind } of LIES)
      test(name, () =>
        withGoodStore(async (registry, store) => {
          const layers = await Promise.all([bulk('a', 300_000), bulk('b', 5000)].map((entries) => layerOf(entries, { compression })))
          const image = await imageOf({ layers })
          const text = serve(registry, image, 'one')
          for (const { descriptor, bytes } of image.blobs) {
            registry.behave()
            registry.on(descriptor.digest, misbehaviour(bytes))
            await refused(pullInto(store, text), kind, text.replace(/:one$/, ''), descriptor.digest)
            assert.equal(store.images.find(text), undefined)
            const layer = layers.find((one) => one.descriptor.digest === descriptor.digest)
            assert.ok(layer === undefined || !contentsOf(store).layers.includes(encodedOf(layer.diffID)))
            await assertWhole(store)
            // or what was whole would not be fetched in the next round
            await store.collect({ age: 0 })
          }
        }),
      )
  })

test('documents that are not what was asked for', { skip }, () =>
  withGoodStore(async (registry, store) => {
    const index = indexOf([await bulkImage([1000])])
    const text = serve(registry, index, 'one')
    const [image] = index.images
    for (const lie of [flip(5), withBody(Buffer.from('{}')), withBody('')]) {
      registry.behave()
      registry.on(image!.document.digest, lie)
      await refused(pullInto(store, text), 'data-loss', image!.document.digest, text.replace(/:one$/, ''))
      registry.behave()
      registry.on(index.document.digest, lie)
      await refused(pullInto(store, text.replace(/:one$/, `@${index.document.digest}`)), 'data-loss', index.document.digest)
    }
  }),
)

interface Broken {
  readonly name: string
  readonly content: () => Promise<TestContent>
  readonly kind: ErrorKind
  readonly words: readonly (string | RegExp)[]
}

const wrongDigest: Digest = digestOf(Buffer.from('another'))

const altered = async (fields: (image: Awaited<ReturnType<typeof bulkImage>>) => object): Promise<TestContent> => {
  const image = await bulkImage([3000, 4000])
  return {
    ...image,
    document: documentOf({ ...JSON.parse(Buffer.from(image.document.bytes).toString()), ...fields(image) }, OCI_MANIFEST),
    documents: [],
  }
}

const withSize = (change: (size: number) => number) =>
  altered(({ layers }) => ({ layers: layers.map(({ descriptor }) => ({ ...descriptor, size: change(descriptor.size) })) }))

const BROKEN: readonly Broken[] = [
  { name: 'sizes that are too small', content: () => withSize((size) => size - 1), kind: 'data-loss', words: ['sha256:'] },
  { name: 'sizes that are too large', content: () => withSize((size) => size + 1), kind: 'data-loss', words: ['sha256:'] },
  { name: 'sizes of 0', content: () => withSize(() => 0), kind: 'data-loss', words: ['sha256:'] },
  {
    name: 'diff-ids of other layers',
    content: () => imageOf({ layers: [bulk('a', 1000)], diffIDs: [wrongDigest] }),
    kind: 'data-loss',
    words: [wrongDigest, 'config'],
  },
  {
    name: 'fewer diff-ids than layers',
    content: async () => imageOf({ layers: [bulk('a', 1000)], diffIDs: [] }),
    kind: 'invalid-argument',
    words: [/1 layers.*diff-ids of 0/],
  },
  {
    name: 'garbage for layers, with the right digest',
    content: async () => imageOf({ layers: [await layerOf(Buffer.from('no tar at all '.repeat(100)))] }),
    kind: 'invalid-argument',
    words: ['layer sha256:'],
  },
  {
    name: 'a layer that says gzip and is cut off, with the right digest',
    content: async () => {
      const layer = await layerOf(bulk('a', 5000))
      const bytes = layer.bytes.subarray(0, layer.bytes.length - 100)
      return imageOf({ layers: [{ ...layer, bytes, descriptor: { ...layer.descriptor, digest: digestOf(bytes), size: bytes.length } }] })
    },
    kind: 'invalid-argument',
    words: ['cut off'],
  },
  {
    name: 'an index in an index',
    content: async () => {
      const inner = indexOf([await bulkImage([100])])
      const document = documentOf(
        {
          schemaVersion: 2,
          mediaType: OCI_INDEX,
          manifests: [{ mediaType: OCI_INDEX, digest: inner.document.digest, size: inner.document.bytes.length }],
        },
        OCI_INDEX,
      )
      return { document, documents: [document, ...inner.documents], blobs: inner.blobs }
    },
    kind: 'unsupported',
    words: ['index in an index'],
  },
  {
    name: 'an index whose entry is an index under the name of a manifest',
    content: async () => {
      const inner = indexOf([await bulkImage([100])])
      return indexOf([
        {
          ...inner.images[0]!,
          descriptor: { ...inner.images[0]!.descriptor, digest: inner.document.digest, size: inner.document.bytes.length },
          documents: inner.documents,
        },
      ])
    },
    kind: 'invalid-argument',
    words: [/came as .*manifest.* says of itself that it is .*index/],
  },
  {
    name: 'a size in the index that is not the manifest’s',
    content: async () => {
      const image = await bulkImage([100])
      return indexOf([{ ...image, descriptor: { ...image.descriptor, size: image.descriptor.size + 1 } }])
    },
    kind: 'data-loss',
    words: ['bytes'],
  },
  {
    name: 'foreign layers',
    content: () =>
      altered(({ layers }) => ({
        layers: layers.map(({ descriptor }) => ({
          ...descriptor,
          mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
          urls: ['http://127.0.0.1:1/'],
        })),
      })),
    kind: 'unsupported',
    words: ['foreign'],
  },
  {
    name: 'a config that is none',
    content: () => imageOf({ layers: [], rest: { rootfs: { type: 'windows' } } }),
    kind: 'invalid-argument',
    words: ['rootfs.type'],
  },
  {
    name: 'a layer beyond the limits',
    content: () => imageOf({ layers: [bulk('a', 100, 50)] }),
    kind: 'resource-exhausted',
    words: ['more than 20 entries', 'layer.entries'],
  },
]

describe('an image that is broken as it was pushed', { skip }, () => {
  for (const { name, content, kind, words } of BROKEN)
    test(name, () =>
      withGoodStore(async (registry, store) => {
        const image = await content()
        registry.contents.addDocument('team/app', image.document, 'broken')
        const text = serve(registry, image, 'broken')
        await refused(pullInto(store, text, { limits: { entries: 20 } }), kind, text.replace(/:broken$/, ''), ...words)
        assert.equal(store.images.find(text), undefined)
      }),
    )
})

test('a config that lies about a layer does not take another image’s blob away', { skip }, () =>
  withRegistry((registry) =>
    withStore(async (store) => {
      const good = await bulkImage([3000])
      const text = serve(registry, good, 'good')
      await pullInto(store, text)
      const evil = serve(registry, await imageOf({ layers: good.layers, diffIDs: [wrongDigest] }), 'evil')
      registry.behave()
      await refused(pullInto(store, evil), 'data-loss', wrongDigest)
      assert.ok(store.blobs.has(good.layers[0]!.descriptor.digest))
      assert.equal(fetches(registry).get(good.layers[0]!.descriptor.digest), undefined)
      assert.equal((await pullInto(store, text)).fresh, false)
      await assertWhole(store)
    }),
  ),
)
