/** Registries that never come to an end, in every place where they can: what is held of it stays small, and it is given up in time. */
import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { imageOf, noise } from '../support/images.ts'
import { collect, refused, sourceOf, targetOf } from '../support/registry/client.ts'
import { endlessBody, endlessHeaders, redirectTo, slowHeaders, trickle } from '../support/registry/misbehave.ts'
import { type Misbehaviour, startRegistry } from '../support/registry/server.ts'

const image = await imageOf({ layers: [[{ name: 'a', content: noise(50_000) }]] })
const layer = image.layers[0]!
const registry = await startRegistry()
registry.contents.add('a/b', image, 'latest')
after(() => registry.close())
afterEach(() => registry.behave())

const MiB = 1024 * 1024
const piece = Buffer.alloc(64 * 1024, 'a')

/** What may be in sockets and pipes when it is given up, on the loopback. */
const IN_FLIGHT = 64 * MiB

const using = async (use: (source: ReturnType<typeof sourceOf>) => Promise<unknown>): Promise<void> => {
  const source = sourceOf(`${registry.host}/a/b`, { limits: { tries: 2 } })
  try {
    await use(source)
  } finally {
    await source.close()
  }
}

describe('without an end', () => {
  test('a manifest', async () => {
    const sent = { bytes: 0 }
    registry.on('/manifests/', endlessBody(piece, sent))
    await using((source) => refused(source.document(), 'data-loss', 'more than the 4194304 bytes'))
    assert.ok(sent.bytes < IN_FLIGHT, `${sent.bytes} bytes were taken`)
  })

  test('a manifest that says it is small', async () => {
    registry.on('/manifests/', (exchange, normal) =>
      endlessBody(piece)(exchange, async () => ({ ...(await normal()), headers: { 'Content-Type': 'text/plain' } })),
    )
    await using((source) => refused(source.document(), 'data-loss', 'more than the 4194304 bytes'))
  })

  test('a blob', async () => {
    const sent = { bytes: 0 }
    registry.on('/blobs/', endlessBody(piece, sent))
    await using((source) => refused(collect(source.blob(layer.descriptor)), 'data-loss', `more of it than the ${layer.bytes.length} bytes`))
    assert.ok(sent.bytes < IN_FLIGHT, `${sent.bytes} bytes were taken`)
  })

  for (const status of [401, 404, 500])
    test(`the words of a ${status}`, async () => {
      const sent = { bytes: 0 }
      registry.on(/./, (exchange) => endlessBody(piece, sent)(exchange, async () => ({ status, body: Buffer.alloc(0) })))
      await using((source) =>
        refused(
          source.document(),
          status === 401 ? 'permission-denied' : status === 404 ? 'not-found' : 'unavailable',
          `answered ${status}:`,
        ),
      )
      assert.ok(sent.bytes < 2 * IN_FLIGHT, `${sent.bytes} bytes were taken`)
    })

  test('a token', async () => {
    const sent = { bytes: 0 }
    const login = { 'WWW-Authenticate': `Bearer realm="${registry.url}/token",service="s"` }
    registry.on('/manifests/', () => ({ status: 401, headers: login }))
    registry.on('/token', (exchange) => endlessBody(piece, sent)(exchange, async () => ({ status: 200, body: Buffer.alloc(0) })))
    await using((source) => refused(source.document(), 'unavailable', 'without a token that can be used'))
    assert.ok(sent.bytes < IN_FLIGHT, `${sent.bytes} bytes were taken`)
  })

  test('a body that nobody wants, of a redirect', async () => {
    const sent = { bytes: 0 }
    registry.on({ path: '/manifests/', times: 1 }, async (exchange, normal) => {
      const { headers = {} } = await redirectTo((url) => url)(exchange, normal)
      return endlessBody(piece, sent)(exchange, async () => ({ status: 307, headers }))
    })
    await using(async (source) => assert.equal((await source.document()).digest, image.document.digest))
    assert.ok(sent.bytes < IN_FLIGHT, `${sent.bytes} bytes were taken`)
  })

  test('headers', async () => {
    registry.on('/manifests/', endlessHeaders)
    await using((source) => refused(source.document(), 'unavailable', '16 KiB'))
    assert.equal(registry.log(/^GET/).length, 1)
  })

  test('a challenge of thousands of schemes, and one of scopes', async () => {
    const schemes = Array.from({ length: 1500 }, (_, at) => `S${at}`).join(', ')
    registry.on('/manifests/', () => ({ status: 401, headers: { 'WWW-Authenticate': schemes } }))
    await using((source) => refused(source.document(), 'permission-denied', '401'))
    registry.behave()
    const scope = Array.from({ length: 300 }, (_, at) => `repository:r${at}:pull`).join(' ')
    registry.on('/manifests/', () => ({
      status: 401,
      headers: { 'WWW-Authenticate': `Bearer realm="${registry.url}/token",scope="${scope}"` },
    }))
    registry.on('/token', () => ({ status: 200, body: Buffer.from('{"token":"x"}') }))
    await using((source) => refused(source.document(), 'permission-denied', '401'))
    assert.ok(registry.requests.every(({ url }) => url.length < 2000))
    assert.ok(registry.requests.length <= 6, `${registry.requests.length} requests`)
  })

  test('informational answers', async () => {
    const flood: Misbehaviour = () => ({
      status: 0,
      deliver: async (response) => {
        const { socket } = response
        const continuing = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(100)
        while (socket !== null && !socket.destroyed) {
          socket.write(continuing)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      },
    })
    registry.on('/manifests/', flood)
    await using((source) => refused(source.document(), 'unavailable', 'no answer within 1.5 s'))
  })
})

describe('slowly', () => {
  test('headers, a line at a time', async () => {
    registry.on('/manifests/', slowHeaders(50))
    await using((source) => refused(source.document(), 'unavailable', 'no answer within 1.5 s'))
  })

  test('a manifest, a byte at a time', async () => {
    registry.on('/manifests/', trickle(1, 20))
    await using((source) => refused(source.document(), 'unavailable', /stalled|was not there within/))
  })

  test('the words of a refusal: the status is told without them', async () => {
    registry.on('/manifests/', (exchange) => trickle(1, 50)(exchange, async () => ({ status: 404, body: piece })))
    await using((source) => refused(source.document(), 'not-found', 'answered 404:'))
  })

  test('a blob, a byte at a time', async () => {
    registry.on('/blobs/', trickle(1, 20))
    await using((source) => refused(collect(source.blob(layer.descriptor)), 'unavailable', 'stalled'))
  })
})

describe('for ever the same', () => {
  test('redirects', async () => {
    registry.on(
      '/manifests/',
      redirectTo((url) => `${url}x`),
    )
    await using((source) => refused(source.document(), 'unavailable', 'redirects more than 8 times'))
    assert.equal(registry.requests.length, 9)
  })

  test('tokens that are refused', async () => {
    let issued = 0
    registry.on('/manifests/', () => ({
      status: 401,
      headers: { 'WWW-Authenticate': `Bearer realm="${registry.url}/token",scope="repository:a/b:pull repository:x${issued}:pull"` },
    }))
    registry.on('/token', () => ({ status: 200, body: Buffer.from(`{"token":"t${issued++}"}`) }))
    await using((source) => refused(source.document(), 'permission-denied', '401'))
    assert.ok(issued <= 5, `${issued} tokens`)
  })

  test('an upload that is begun and lost', async () => {
    registry.on({ method: 'PUT', path: '/uploads/' }, () => ({ status: 404 }))
    const target = targetOf(`${registry.host}/a/b:1`, { limits: { tries: 3 } })
    await refused(
      target.putBlob({ ...layer.descriptor }, async function* () {
        yield layer.bytes
      }),
      'not-found',
      '404',
    )
    await target.close()
    assert.equal(registry.log(/^POST/).length, 2)
    assert.equal(registry.uploads, 0)
  })

  test('an upload that never gets further', async () => {
    registry.on({ method: 'PATCH', path: '/uploads/' }, async (exchange, normal) => {
      const answer = await normal()
      await exchange.body()
      return { ...answer, headers: { ...answer.headers, Range: '0-0' } }
    })
    registry.on({ method: 'GET', path: '/uploads/' }, async (_, normal) => {
      const answer = await normal()
      return { ...answer, headers: { ...answer.headers, Range: '0-10' } }
    })
    const target = targetOf(`${registry.host}/a/b:1`, { limits: { tries: 3, chunk: 10_000 } })
    await refused(
      target.putBlob({ ...layer.descriptor }, async function* () {
        yield layer.bytes
      }),
      'data-loss',
      /has kept|answered 416/,
    )
    await target.close()
  })
})
