/** Pulls at the same time, of layers at the same time, and what is told of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pull, type PullProgress } from '../../../../image/pull/pull.ts'
import { Slots } from '../../../../image/pull/slots.ts'
import { PIECE } from '../../../../image/layer/threads.ts'
import { parseReference } from '../../../../image/reference.ts'
import type { BlobOptions, ImageSource } from '../../../../image/source.ts'
import type { Descriptor } from '../../../../image/spec/types.ts'
import { eventually } from '../../../support/eventually.ts'
import { imageOf, type TestImage } from '../../../support/images.ts'
import { assertWhole, bulk, bulkImage, contentsOf, fetches, pullInto, serve, withRegistry } from '../../../support/pull.ts'
import { refused } from '../../../support/registry/client.ts'
import { cutAfter, fail, stallAfter, trickle } from '../../../support/registry/misbehave.ts'
import { requires } from '../../../support/requires.ts'
import { withStore } from '../../../support/store.ts'

const skip = requires('root')
/** Of a registry that sends nothing for as long as it likes. */
const PATIENT = { client: { limits: { stall: { bytes: 1, milliseconds: 60_000 } } } }

/** A source whose blobs come as the test lets them. */
const held = (image: TestImage) => {
  const open = new Map<string, () => void>()
  const gates = new Map(
    image.layers.map(({ descriptor: { digest } }) => [digest, new Promise<void>((resolve) => open.set(digest, resolve))]),
  )
  const asked: string[] = []
  const source: ImageSource = {
    name: 'held',
    document: async () => image.document,
    async *blob({ digest }: Descriptor, { offset = 0 }: BlobOptions = {}) {
      const { bytes } = image.blobs.find(({ descriptor }) => descriptor.digest === digest)!
      asked.push(digest)
      yield bytes.subarray(offset, bytes.length >> 1)
      await gates.get(digest)
      yield bytes.subarray(Math.max(offset, bytes.length >> 1))
    },
    close: async () => {},
  }
  return { source, asked, release: (index: number) => open.get(image.layers[index]!.descriptor.digest)!() }
}

describe('layers of one image', { skip }, () => {
  test('download ahead of unpacking, as many as are allowed, the largest of them', () =>
    withStore(async (store) => {
      const image = await bulkImage([10_000, 60_000, 20_000, 50_000, 30_000, 40_000])
      const { source, asked, release } = held(image)
      const digests = image.layers.map(({ descriptor }) => descriptor.digest)
      const pulling = pull(source, store, { downloads: 4 })
      const order = [1, 3, 5, 4].map((index) => digests[index])
      const layersAsked = (): string[] => asked.filter((digest) => digest !== image.config.descriptor.digest)
      await eventually('four are asked for', () => layersAsked().length === 4)
      assert.deepEqual(new Set(layersAsked()), new Set(order))
      // those that wait for a thread come all the same
      await eventually('they come', () => {
        const sizes = [...contentsOf(store).partial.values()].filter((size) => size > 0)
        // what goes to a thread goes in larger pieces
        return sizes.length === 2 && sizes.every((size) => size > 15_000)
      })
      for (const index of [4, 5, 3, 1, 0, 2]) release(index)
      await pulling
      assert.deepEqual(new Set(layersAsked()), new Set(digests))
      await assertWhole(store)
    }))

  test('come one after the other if one download is allowed', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([1000, 3000, 2000])
        await pullInto(store, serve(registry, image, 'one'), { downloads: 1 })
        assert.deepEqual(
          [...fetches(registry).keys()].slice(1),
          [1, 2, 0].map((index) => image.layers[index]!.descriptor.digest),
        )
      }),
    ))

  test('are told of: waiting, downloading, unpacking, done, and bytes that only grow', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([400_000, 500_000, 600_000])
        const seen: PullProgress[] = []
        await pullInto(store, serve(registry, image, 'one'), { onProgress: (progress) => void seen.push(progress) })
        for (const [index, { descriptor }] of image.layers.entries()) {
          const own = seen.filter((one) => one.index === index)
          assert.ok(own.every(({ layer, total }) => layer === descriptor.digest && total === descriptor.size))
          assert.deepEqual(
            own.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1]),
            ['waiting', 'downloading', 'unpacking', 'done'],
          )
          for (const state of ['downloading', 'unpacking']) {
            const bytes = own.filter((one) => one.state === state).map((one) => one.bytes)
            assert.deepEqual(
              bytes,
              [...bytes].sort((a, b) => a - b),
            )
          }
          assert.equal(own.at(-1)?.bytes, descriptor.size)
        }
      }),
    ))

  test('when one fails the others stop, and what they have is gone on with', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([300_000, 200_000])
        const text = serve(registry, image, 'one')
        const [slow, gone] = image.layers.map(({ descriptor }) => descriptor.digest)
        registry.on(slow!, trickle(20_000, 30))
        registry.on(gone!, fail(404, 'BLOB_UNKNOWN', 'blob unknown to registry'))
        await refused(pullInto(store, text), 'not-found', text.replace(/:one$/, ''), gone!)
        assert.deepEqual(contentsOf(store).layers, [])
        assert.deepEqual(store.images.list(), [])
        const partial = contentsOf(store).partial.get(slow!.slice(7)) ?? 0
        registry.behave()
        await pullInto(store, text)
        const range = registry.requests.find(({ url }) => url.endsWith(slow!))?.headers.range
        assert.equal(range, partial === 0 ? undefined : `bytes=${partial}-`)
        await assertWhole(store)
      }),
    ))

  test('connections that break are gone on with, in each of them', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([300_000, 200_000, 100_000])
        const text = serve(registry, image, 'one')
        for (const { descriptor } of image.layers) {
          registry.on({ path: descriptor.digest, times: 1 }, cutAfter(70_000))
          registry.on({ path: descriptor.digest, times: 1, after: 1 }, stallAfter(10_000))
        }
        await pullInto(store, text)
        await assertWhole(store)
      }),
    ))
})

describe('an abort', { skip }, () => {
  test('ends the pull, keeps what has come, and the next one goes on', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([700_000, 800_000, 900_000, 1_000_000])
        const text = serve(registry, image, 'one')
        for (const { descriptor } of image.layers) registry.on(descriptor.digest, stallAfter(600_000))
        const abort = new AbortController()
        const pulling = pullInto(store, text, { signal: abort.signal, ...PATIENT })
        await eventually('all have begun', () => [...contentsOf(store).partial.values()].filter((size) => size > 500_000).length === 4)
        abort.abort()
        await refused(pulling, 'cancelled', text)
        const { partial, layers, blobs } = contentsOf(store)
        assert.deepEqual([partial.size, layers, blobs, store.images.list()], [4, [], [], []])
        await assertWhole(store)
        registry.behave()
        await pullInto(store, text)
        for (const [hex, size] of partial)
          assert.equal(registry.requests.find(({ url }) => url.endsWith(hex))?.headers.range, `bytes=${size}-`)
        await assertWhole(store)
      }),
    ))

  test('before it has begun, and at each request', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([10_000])
        const text = serve(registry, image, 'one')
        await refused(pullInto(store, text, { signal: AbortSignal.abort() }), 'cancelled', text)
        for (const part of ['/manifests/', image.config.descriptor.digest, image.layers[0]!.descriptor.digest]) {
          const abort = new AbortController()
          registry.on({ path: part, times: 1 }, (_, normal) => {
            abort.abort()
            return normal()
          })
          await refused(pullInto(store, text, { signal: abort.signal }), 'cancelled', text)
          assert.deepEqual(store.images.list(), [])
        }
        await pullInto(store, text)
        await assertWhole(store)
      }),
    ))
})

describe('two pulls in one process', { skip }, () => {
  test('of one image fetch each blob once', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([300_000, 200_000, 100_000])
        const text = serve(registry, image, 'one')
        registry.on(/\/blobs\//, trickle(30_000, 5))
        const states = new Set<string>()
        const [one, two] = await Promise.all([
          pullInto(store, text),
          pullInto(store, text, { onProgress: ({ state }) => void states.add(state) }),
        ])
        assert.deepEqual(
          one.layers.map(({ key }) => key),
          two.layers.map(({ key }) => key),
        )
        for (const { descriptor } of image.layers) assert.equal(fetches(registry).get(descriptor.digest), 1)
        assert.ok(states.has('shared') || states.has('downloading'))
        await assertWhole(store)
      }),
    ))

  test('of images with the same layers in another order do not wait for each other in a circle', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const layers = (await bulkImage([50_000, 60_000, 70_000, 80_000])).layers
        // without entries for their folders they depend on what is below
        const loose = (await imageOf({ layers: ['a', 'b', 'c'].map((name) => [{ name: `x/${name}`, content: name }]) })).layers
        const all = [...layers, ...loose]
        const texts = await Promise.all(
          [all, all.toReversed(), [...all.slice(3), ...all.slice(0, 3)]].map(async (order, index) =>
            serve(registry, await imageOf({ layers: order }), `tag${index}`),
          ),
        )
        await Promise.all(texts.flatMap((text) => [pullInto(store, text), pullInto(store, text)]))
        for (const { descriptor } of all) assert.equal(fetches(registry).get(descriptor.digest), 1)
        assert.equal(store.images.list().length, 3)
        await assertWhole(store)
      }),
    ))

  test('when the first is given up, the second takes over what it has', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([400_000])
        const text = serve(registry, image, 'one')
        const { digest, size } = image.layers[0]!.descriptor
        registry.on({ path: digest, times: 1 }, stallAfter(300_000))
        const abort = new AbortController()
        const first = pullInto(store, text, { signal: abort.signal, ...PATIENT })
        await eventually('a part is there', () => [...contentsOf(store).partial.values()][0] === PIECE)
        const shared: number[] = []
        const second = pullInto(store, text, {
          onProgress: ({ state, bytes, total }) => {
            assert.equal(total, size)
            if (state === 'shared') shared.push(bytes)
          },
        })
        await eventually('the second tells of the first', () => shared.includes(PIECE))
        abort.abort()
        await refused(first, 'cancelled')
        await second
        assert.deepEqual(
          registry.requests.filter(({ url }) => url.endsWith(digest)).map(({ headers }) => headers.range),
          [undefined, `bytes=${PIECE}-`],
        )
        await assertWhole(store)
      }),
    ))
})

test('slots go to those who came first, and those who gave up get none', async () => {
  const slots = new Slots(1)
  const order: string[] = []
  const first = await slots.take()
  const abort = new AbortController()
  const waiting = ['a', 'b', 'c'].map((name) =>
    slots.take(name === 'b' ? abort.signal : undefined).then((release) => {
      order.push(name)
      return release
    }),
  )
  abort.abort(new Error('enough'))
  await assert.rejects(waiting[1]!, /enough/)
  first()
  first()
  ;(await waiting[0]!)()
  ;(await waiting[2]!)()
  assert.deepEqual(order, ['a', 'c'])
  ;(await slots.take())()
  await assert.rejects(slots.take(AbortSignal.abort(new Error('before'))), /before/)
})

test('a pull needs nothing but a source', { skip }, () =>
  withStore(async (store) => {
    const image = await imageOf({ layers: [bulk('a', 1000)] })
    const { source, release } = held(image)
    release(0)
    const reference = parseReference('example.com/a:b')
    assert.equal((await pull(source, store, { reference })).name, 'example.com/a:b')
    assert.equal((await pull(source, store, { reference })).fresh, false)
  }),
)
