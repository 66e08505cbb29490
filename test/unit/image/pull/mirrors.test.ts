/** Pulling where mirrors send other bytes than they should. */
import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { fetchBlob } from '../../../../image/pull/fetch-blob.ts'
import { pull } from '../../../../image/pull/pull.ts'
import { parseReference } from '../../../../image/reference.ts'
import type { Endpoint } from '../../../../image/registry/options.ts'
import { type RegistrySource, registrySource } from '../../../../image/registry/source.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { imageOf, noise } from '../../../support/images.ts'
import { assertWhole } from '../../../support/pull.ts'
import { IMPATIENT } from '../../../support/registry/client.ts'
import { flip } from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'
import { requires } from '../../../support/requires.ts'
import { withStore } from '../../../support/store.ts'

const skip = requires('root')
const [main, first, second] = [await startRegistry(), await startRegistry(), await startRegistry()]
const all = [main, first, second]
after(() => Promise.all(all.map((registry) => registry.close())))
afterEach(() => {
  for (const registry of all) registry.behave()
})

const image = await imageOf({ layers: [[{ name: 'a', content: noise(300_000) }], [{ name: 'b', content: noise(1000) }]] })
for (const { contents } of all) contents.add('a/b', image, 'latest')
const [layer, config] = [image.layers[0]!.descriptor, image.config.descriptor]

const endpoints: readonly Endpoint[] = [
  { registry: first.host, repository: 'a/b', insecure: true, mirror: true },
  { registry: second.host, repository: 'a/b', insecure: true, mirror: true },
  { registry: main.host, repository: 'a/b', insecure: true },
]

const using = async <T>(use: (source: RegistrySource) => Promise<T>): Promise<T> => {
  const source = registrySource(parseReference(`${main.host}/a/b`), { endpoints, env: {}, limits: IMPATIENT })
  try {
    return await use(source)
  } finally {
    await source.close()
  }
}

const asked = (digest: string): readonly number[] => [first, second, main].map(({ log }) => log(new RegExp(`blobs/${digest}`)).length)

describe('a mirror that sends wrong bytes', { skip }, () => {
  for (const [what, { digest }] of [
    ['a layer', layer],
    ['a config', config],
  ] as const) {
    test(`of ${what}: the next is asked`, () =>
      withStore(async (store) => {
        for (const registry of [first, second]) registry.on(`/blobs/${digest}`, flip(10))
        await using((source) => pull(source, store, { reference: parseReference(`${main.host}/a/b`) }))
        await assertWhole(store)
        assert.deepEqual(asked(digest), [1, 1, 1])
      }))

    test(`of ${what}, as all do: that is said, and nothing is asked twice`, () =>
      withStore(async (store) => {
        for (const registry of all) registry.on(`/blobs/${digest}`, flip(10))
        const pulling = using((source) => pull(source, store, { reference: parseReference(`${main.host}/a/b`) }))
        await assert.rejects(
          pulling,
          (error) => error instanceof WherryError && error.kind === 'data-loss' && error.message.includes(digest),
        )
        assert.deepEqual(asked(digest), [1, 1, 1])
      }))
  }

  test('of a blob that is fetched for mending: the next is asked', () =>
    withStore(async (store) => {
      first.on(`/blobs/${layer.digest}`, flip(200_000))
      await using((source) => fetchBlob(source, store, layer))
      assert.ok(store.blobs.has(layer.digest, layer.size))
      assert.deepEqual(asked(layer.digest), [1, 1, 0])
    }))
})
