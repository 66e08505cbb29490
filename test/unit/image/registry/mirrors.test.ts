import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { parseReference } from '../../../../image/reference.ts'
import type { Endpoint } from '../../../../image/registry/options.ts'
import { type RegistrySource, registrySource } from '../../../../image/registry/source.ts'
import { registryTarget } from '../../../../image/registry/target.ts'
import { imageOf, noise } from '../../../support/images.ts'
import { collect, IMPATIENT, refused } from '../../../support/registry/client.ts'
import { cutAfter, fail, flip, hangUp, silence, withBody } from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'

const [main, first, second] = [await startRegistry(), await startRegistry(), await startRegistry()]
const all = [main, first, second]
after(() => Promise.all(all.map((registry) => registry.close())))

const image = await imageOf({ layers: [[{ name: 'a', content: noise(300_000) }]] })
const other = await imageOf({ layers: [[{ name: 'b' }]] })
const layer = image.layers[0]!
main.contents.add('a/b', image, 'latest')
for (const { contents } of [first, second]) contents.add('copy/of/a/b', image, 'latest')
afterEach(() => {
  for (const registry of all) registry.behave()
})

const endpoints: readonly Endpoint[] = [
  { registry: first.host, repository: 'copy/of/a/b', insecure: true, mirror: true },
  { registry: second.host, repository: 'copy/of/a/b', insecure: true, mirror: true },
  { registry: main.host, repository: 'a/b', insecure: true },
]

const using = async <T>(use: (source: RegistrySource) => Promise<T>, given = endpoints): Promise<T> => {
  const source = registrySource(parseReference(`${main.host}/a/b`), { endpoints: given, env: {}, limits: IMPATIENT })
  try {
    return await use(source)
  } finally {
    await source.close()
  }
}
const whole = (source: RegistrySource): Promise<Buffer> => collect(source.blob(layer.descriptor))

describe('mirrors', () => {
  test('the first is asked first, by its own name for the repository; the name stays that of the registry', async () => {
    await using(async (source) => {
      assert.equal(source.name, `${main.host}/a/b:latest`)
      assert.equal((await source.document()).digest, image.document.digest)
      assert.ok((await whole(source)).equals(layer.bytes))
    })
    assert.deepEqual(first.log(), ['GET /v2/copy/of/a/b/manifests/latest 200', `GET /v2/copy/of/a/b/blobs/${layer.descriptor.digest} 200`])
    assert.deepEqual([...second.requests, ...main.requests], [])
  })

  for (const [name, misbehaviour] of [
    ['has not got it', fail(404, 'MANIFEST_UNKNOWN', 'unknown')],
    ['wants a login', fail(401, 'UNAUTHORIZED', 'no')],
    ['is broken', fail(500, 'UNKNOWN', 'oh')],
    ['hangs up', hangUp],
    ['says nothing', silence],
    ['sends rubbish', withBody('rubbish')],
  ] as const)
    test(`one that ${name} is passed over`, async () => {
      first.on('/manifests/', misbehaviour)
      await using(async (source) => {
        assert.equal((await source.document()).digest, image.document.digest)
        await whole(source)
      })
      assert.ok(first.log(/^GET/).length <= 2, 'it is not waited for long')
      assert.equal(first.log(/blobs/).length, 0, 'its neighbour, who had the manifest, is asked for the blobs')
      assert.equal(second.log(/200/).length, 2)
      assert.deepEqual(main.requests, [])
    })

  test('a blob goes on where the mirror before had come to', async () => {
    first.on('/blobs/', fail(404, 'BLOB_UNKNOWN', 'unknown'))
    first.on({ path: '/blobs/', times: 1 }, cutAfter(100_000))
    second.on('/blobs/', fail(503, 'BUSY', 'busy'))
    await using(async (source) => {
      await source.document()
      assert.ok((await whole(source)).equals(layer.bytes))
    })
    assert.deepEqual(
      main.requests.map(({ headers }) => headers.range),
      ['bytes=100000-'],
    )
  })

  test('when all fail, each one’s failure is told, with the kind of the registry’s own', async () => {
    first.on(/./, fail(500, 'UNKNOWN', 'first'))
    second.on(/./, fail(403, 'DENIED', 'second'))
    main.on(/./, fail(404, 'MANIFEST_UNKNOWN', 'third'))
    await using(async (source) => {
      const parts = [
        '404 MANIFEST_UNKNOWN ("third")',
        'of its mirrors:',
        `${first.host} answered 500 UNKNOWN ("first")`,
        `${second.host} answered 403 DENIED ("second")`,
      ]
      await refused(source.document(), 'not-found', ...parts)
      await refused(whole(source), 'not-found', ...parts)
    })
  })

  test('a digest that one lies about is asked of the next', async () => {
    first.on('/manifests/', flip(20))
    await using(async (source) => assert.equal((await source.document(image.document.digest)).digest, image.document.digest))
    assert.equal(second.log(/200/).length, 1)
  })

  test('nobody is asked after a cancellation', async () => {
    first.on(/./, silence)
    await using(async (source) => refused(source.document(undefined, { signal: AbortSignal.timeout(50) }), 'cancelled'))
    assert.deepEqual([...second.requests, ...main.requests], [])
  })

  test('credentials are those of the mirror’s own name', async () => {
    const asked: string[] = []
    first.on(/./, fail(401, 'UNAUTHORIZED', 'no', { 'WWW-Authenticate': 'Basic realm="x"' }))
    const credentials = async (repository: string) => {
      asked.push(repository)
      return undefined
    }
    const source = registrySource(parseReference(`${main.host}/a/b`), { endpoints, credentials, env: {}, limits: IMPATIENT })
    await source.document()
    await source.close()
    assert.deepEqual(asked, [`${first.host}/copy/of/a/b`])
  })

  test('nothing is pushed to them', async () => {
    const options = { endpoints, env: {}, limits: IMPATIENT }
    const target = registryTarget(parseReference(`${main.host}/a/b:2`), options)
    for (const { descriptor } of other.blobs) assert.equal(await target.hasBlob(descriptor), false)
    await target.close()
    assert.deepEqual([...first.requests, ...second.requests], [])
    assert.throws(() => registryTarget(parseReference(`${main.host}/a/b:2`), { ...options, endpoints: endpoints.slice(0, 2) }), {
      kind: 'failed-precondition',
      message: /leave no registry to push it to/,
    })
  })

  test('no endpoint at all', () => {
    assert.throws(() => registrySource(parseReference('a/b'), { endpoints: [] }), {
      kind: 'failed-precondition',
      message: /leave no registry to ask/,
    })
  })
})
