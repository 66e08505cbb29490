/** Which image a container gets: by policy, from the store or the registry. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { encodedOf } from '../../../../image/digest.ts'
import { ensureImage, POLICIES, type PullPolicy } from '../../../../image/pull/ensure.ts'
import { type PulledImage, unpackImage } from '../../../../image/pull/pull.ts'
import { parseReference } from '../../../../image/reference.ts'
import { removeTree } from '../../../../image/store/remove-tree.ts'
import type { Store } from '../../../../image/store/types.ts'
import type { Platform } from '../../../../image/spec/types.ts'
import { imageOf } from '../../../support/images.ts'
import { assertWhole, bulk, bulkImage, fetches, pullInto, serve, withRegistry } from '../../../support/pull.ts'
import { refused, sourceOf } from '../../../support/registry/client.ts'
import { requires } from '../../../support/requires.ts'
import { withStore } from '../../../support/store.ts'

const skip = requires('root')

interface Asked {
  readonly image: PulledImage
  readonly warnings: readonly string[]
}

const ensure = async (store: Store, text: string, policy: PullPolicy, platform?: Platform): Promise<Asked> => {
  const source = sourceOf(text, { limits: { tries: 1 } })
  const warnings: string[] = []
  try {
    const image = await ensureImage(store, {
      reference: parseReference(text),
      policy,
      source: () => source,
      warn: (warning) => void warnings.push(warning),
      ...(platform === undefined ? {} : { platform }),
    })
    return { image, warnings }
  } finally {
    await source.close()
  }
}

describe('ensuring an image', { skip }, () => {
  test('that is not there pulls it, but for never', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([1000])
        const text = serve(registry, image, 'one')
        await refused(ensure(store, text, 'never'), 'not-found', text, 'not in the store')
        assert.deepEqual(registry.log(), [])
        for (const policy of POLICIES) {
          if (policy === 'never') continue
          assert.equal((await ensure(store, text, policy)).image.id, image.config.descriptor.digest)
          await store.images.remove(text)
        }
      }),
    ))

  test('that is there asks the registry as the policy says', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const [old, young] = [await bulkImage([1000], 'old'), await bulkImage([1000], 'young')]
        const text = serve(registry, old, 'one')
        await pullInto(store, text)
        serve(registry, young, 'one')
        registry.behave()
        for (const policy of ['never', 'missing'] as const) {
          const { image } = await ensure(store, text, policy)
          assert.deepEqual([image.id, image.fresh, image.layers.length], [old.config.descriptor.digest, false, 1])
        }
        assert.deepEqual(registry.log(), [])
        assert.equal((await ensure(store, text, 'newer')).image.id, young.config.descriptor.digest)
        serve(registry, old, 'one')
        assert.equal((await ensure(store, text, 'always')).image.id, old.config.descriptor.digest)
        registry.behave()
        assert.equal((await ensure(store, text, 'newer')).image.fresh, false)
        assert.deepEqual([...fetches(registry)], [])
      }),
    ))

  test('that is there, from a registry that is not: newer takes it and says why, always fails', () =>
    withStore(async (store) => {
      const text = await withRegistry(async (registry) => {
        const served = serve(registry, await bulkImage([1000]), 'one')
        await pullInto(store, served)
        return served
      })
      const { image, warnings } = await ensure(store, text, 'newer')
      assert.equal(image.fresh, false)
      assert.match(warnings.join(), /refused.*the image in the store is used/)
      await refused(ensure(store, text, 'always'), 'unavailable', text.split('/')[0]!)
      assert.deepEqual((await ensure(store, text, 'missing')).warnings, [])
    }))

  test('of another platform than that of the store pulls that', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const s390x = { os: 'linux', architecture: 's390x' }
        const text = serve(registry, await bulkImage([1000]), 'one')
        await pullInto(store, text)
        await refused(ensure(store, text, 'never', s390x), 'not-found', 'linux/s390x')
        const other = await imageOf({ layers: [bulk('z', 100)], platform: s390x })
        serve(registry, other, 'one')
        assert.equal((await ensure(store, text, 'missing', s390x)).image.id, other.config.descriptor.digest)
        assert.equal((await ensure(store, text, 'never', s390x)).image.fresh, false)
      }),
    ))

  test('whose layer or blob is gone heals it', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([50_000])
        const text = serve(registry, image, 'one')
        const { layers } = await pullInto(store, text)
        const { digest, size } = image.layers[0]!.descriptor
        const folder = layers[0]!.root.replace(/\/root$/, '')
        registry.behave()

        await removeTree(folder)
        assert.equal((await ensure(store, text, 'never')).image.layers.length, 1)
        assert.deepEqual(registry.log(), [])

        await removeTree(folder)
        writeFileSync(`${store.root}/blobs/sha256/${encodedOf(digest)}`, Buffer.alloc(size))
        const { warnings } = await ensure(store, text, 'missing')
        assert.match(warnings.join(), new RegExp(`${digest}.*it is pulled again`))
        assert.deepEqual([...fetches(registry)], [[digest, 1]])
        await assertWhole(store)

        await removeTree(folder)
        await removeTree(`${store.root}/blobs/sha256/${encodedOf(digest)}`)
        await refused(unpackImage(store, store.images.find(text)!), 'not-found', digest)
        await refused(ensure(store, text, 'never'), 'not-found', digest)
        await ensure(store, text, 'missing')
        await assertWhole(store)
      }),
    ))
})
