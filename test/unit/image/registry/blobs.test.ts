import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Descriptor } from '../../../../image/spec/types.ts'
import { blobOf, noise } from '../../../support/images.ts'
import { collect, type Options, refused, sourceOf } from '../../../support/registry/client.ts'
import {
  answerWith,
  cutAfter,
  cutChunkedAfter,
  fail,
  hangUp,
  ignoreRange,
  lengthenBy,
  redirectTo,
  shortenTo,
  silence,
  stallAfter,
  trickle,
  withHeaders,
} from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'

const registry = await startRegistry()
after(() => registry.close())
afterEach(() => registry.behave())

const SIZE = 500_000
const { bytes, descriptor } = blobOf(noise(SIZE), 'application/vnd.oci.image.layer.v1.tar')
registry.contents.addBlob('a/b', bytes)
const path = '/blobs/'

const read = async (options: Options & { readonly offset?: number; readonly wanted?: Descriptor } = {}): Promise<Buffer> => {
  const { offset = 0, wanted = descriptor, ...rest } = options
  const source = sourceOf(`${registry.host}/a/b`, rest)
  try {
    return await collect(source.blob(wanted, { offset }))
  } finally {
    await source.close()
  }
}
const whole = async (options: Parameters<typeof read>[0] = {}): Promise<void> => assert.ok((await read(options)).equals(bytes), 'the bytes')
const ranges = (): (string | undefined)[] => registry.requests.map(({ headers }) => headers.range)

describe('blobs', () => {
  test('whole', async () => {
    await whole()
    assert.deepEqual(ranges(), [undefined])
  })

  test('from a byte on', async () => {
    for (const offset of [1, 1000, SIZE - 1]) assert.ok((await read({ offset })).equals(bytes.subarray(offset)))
    assert.deepEqual(ranges(), ['bytes=1-', 'bytes=1000-', `bytes=${SIZE - 1}-`])
  })

  test('all at hand already: nothing is asked', async () => {
    assert.equal((await read({ offset: SIZE })).length, 0)
    assert.equal((await read({ wanted: blobOf('', 'x/y').descriptor })).length, 0)
    assert.deepEqual(registry.requests, [])
  })

  test('content in the descriptor needs no request', async () => {
    const { descriptor: small, bytes: data } = blobOf('small', 'x/y')
    assert.equal((await read({ wanted: { ...small, data }, offset: 2 })).toString(), 'all')
    assert.deepEqual(registry.requests, [])
  })

  test('a registry that knows no ranges: what is at hand is skipped', async () => {
    registry.on(path, ignoreRange)
    assert.ok((await read({ offset: 123_456 })).equals(bytes.subarray(123_456)))
  })

  test('gzip named as content encoding is left as it is', async () => {
    registry.on(path, withHeaders({ 'Content-Encoding': 'gzip' }))
    await whole()
  })

  test('one who stops reading ends the connection', async () => {
    const { bytes: large, descriptor: wanted } = blobOf(noise(30_000_000), 'x/y')
    registry.contents.addBlob('a/b', large)
    const source = sourceOf(`${registry.host}/a/b`)
    for await (const piece of source.blob(wanted)) {
      assert.ok(piece.length > 0)
      break
    }
    await source.close()
  })

  test('a slow reader is no slow registry', async () => {
    const source = sourceOf(`${registry.host}/a/b`, { limits: { stall: { bytes: SIZE, milliseconds: 200 } } })
    const pieces: Uint8Array[] = []
    for await (const piece of source.blob(descriptor)) {
      pieces.push(piece)
      await setTimeout(100)
    }
    await source.close()
    assert.ok(Buffer.concat(pieces).equals(bytes))
    assert.equal(registry.requests.length, 1)
  })
})

describe('connections that break are resumed where they broke', () => {
  for (const [name, cut] of [
    ['with a length', cutAfter],
    ['chunked', cutChunkedAfter],
  ] as const)
    test(name, async () => {
      registry.on({ path, times: 3 }, cut(100_000))
      await whole()
      assert.deepEqual(ranges(), [undefined, 'bytes=100000-', 'bytes=200000-', 'bytes=300000-'])
    })

  test('before the first byte', async () => {
    for (const misbehaviour of [hangUp, silence, cutAfter(0)]) {
      registry.behave()
      registry.on({ path, times: 2 }, misbehaviour)
      await whole()
      assert.deepEqual(registry.log(/^GET/).length, 3)
    }
  })

  test('of a registry that knows no ranges', async () => {
    registry.on(path, ignoreRange)
    registry.on({ path, times: 2 }, cutAfter(100_000))
    await whole()
    assert.equal(registry.requests.length, 3)
  })

  test('as often as it takes, while there is progress', async () => {
    registry.on({ path, times: 40 }, cutAfter(10_000))
    await whole()
    assert.equal(registry.requests.length, 41)
  })

  test('without progress it is given up, after so many tries', async () => {
    registry.on({ path, times: 1 }, cutAfter(100_000))
    registry.on({ path, after: 1 }, cutAfter(0))
    const { message } = await refused(
      read(),
      'unavailable',
      `blob ${descriptor.digest}`,
      'the connection broke',
      `after 100000 of ${SIZE} bytes`,
    )
    assert.ok(message.startsWith(`${registry.host}/a/b: blob `))
    assert.equal(registry.requests.length, 4)
  })

  test('a byte now and then is no progress', async () => {
    registry.on(path, cutAfter(1))
    await refused(read(), 'unavailable', `after 4 of ${SIZE} bytes`)
    assert.equal(registry.requests.length, 4)
  })

  test('a connection that stalls is dropped', async () => {
    registry.on({ path, times: 1 }, stallAfter(100_000))
    await whole()
    assert.deepEqual(ranges(), [undefined, 'bytes=100000-'])
  })

  test('a connection that trickles is dropped, though bytes come', async () => {
    registry.on({ path, times: 1 }, trickle(10, 10))
    await whole()
    assert.equal(registry.requests.length, 2)
  })

  test('one that trickles for ever is given up, and it is said why', async () => {
    registry.on(path, trickle(10, 10))
    await refused(read(), 'unavailable', 'stalled: fewer than 4096 bytes in 0.5 s')
    assert.equal(registry.requests.length, 4)
  })

  test('errors of the registry in the middle', async () => {
    registry.on({ path, times: 1 }, cutAfter(100_000))
    registry.on({ path, after: 1, times: 1 }, fail(503, 'BUSY', 'busy', { 'Retry-After': '0' }))
    registry.on({ path, after: 0, times: 1 }, fail(429, 'TOOMANYREQUESTS', 'slowly', { 'Retry-After': '0' }))
    await whole()
    assert.deepEqual(
      registry.requests.map(({ status }) => status),
      [429, 200, 503, 206],
    )
  })

  test('cancelling ends it at once', async () => {
    registry.on(path, stallAfter(100_000))
    const source = sourceOf(`${registry.host}/a/b`, { limits: { stall: { bytes: 1, milliseconds: 60_000 } } })
    const signal = AbortSignal.timeout(100)
    await refused(collect(source.blob(descriptor, { signal })), 'cancelled', `${registry.host}/a/b:latest: cancelled`)
    await source.close()
  })
})

describe('blobs that are not what they should be', () => {
  test('longer, said', async () => {
    registry.on(path, lengthenBy(Buffer.from('x')))
    await refused(read(), 'data-loss', `has ${SIZE + 1} bytes of it, but the manifest says ${SIZE}`)
    assert.equal(registry.requests.length, 1)
  })

  test('longer, not said: nothing beyond its size is given', async () => {
    registry.on(path, lengthenBy(Buffer.alloc(1_000_000), { chunked: true }))
    const source = sourceOf(`${registry.host}/a/b`)
    let length = 0
    const reading = (async () => {
      for await (const piece of source.blob(descriptor)) length += piece.length
    })()
    await refused(reading, 'data-loss', `more of it than the ${SIZE} bytes`)
    await source.close()
    assert.ok(length <= SIZE)
  })

  test('shorter, said', async () => {
    registry.on(path, shortenTo(SIZE - 1))
    await refused(read(), 'data-loss', `has ${SIZE - 1} bytes of it, but the manifest says ${SIZE}`)
    assert.equal(registry.requests.length, 1)
  })

  test('shorter, not said', async () => {
    const short = bytes.subarray(0, 1000)
    registry.on(path, async ({ request }) => {
      const chunked = { 'Transfer-Encoding': 'chunked' }
      return request.headers.range === undefined
        ? { status: 200, headers: chunked, body: short }
        : { status: 416, headers: { 'Content-Range': 'bytes */1000' }, body: Buffer.alloc(0) }
    })
    await refused(read(), 'data-loss', `has 1000 bytes of it, but the manifest says ${SIZE}`)
    registry.behave()
    registry.on(path, () => ({ status: 200, headers: { 'Transfer-Encoding': 'chunked' }, body: short }))
    await refused(read(), 'data-loss', `ends it after 1000 of the ${SIZE} bytes`)
    assert.equal(registry.requests.length, 4)
  })

  test('416 for a byte that it has', async () => {
    registry.on(path, answerWith({ status: 416, headers: { 'Content-Range': `bytes */${SIZE}` } }))
    await refused(read({ offset: 5 }), 'data-loss', 'refuses to send it from byte 5 on')
  })

  for (const [name, header, length] of [
    ['another beginning', `bytes 0-${SIZE - 1}/${SIZE}`, SIZE],
    ['one byte off', `bytes 101-${SIZE - 1}/${SIZE}`, SIZE - 101],
    ['beyond the end', `bytes 100-${SIZE}/*`, SIZE - 99],
    ['backwards', `bytes 100-99/${SIZE}`, 0],
    ['rubbish', 'bytes all', SIZE - 100],
    ['another length', `bytes 100-${SIZE - 1}/${SIZE}`, 10],
  ] as const)
    test(`206 with ${name}`, async () => {
      registry.on(path, () => ({ status: 206, headers: { 'Content-Range': header }, body: Buffer.alloc(length) }))
      await refused(read({ offset: 100 }), 'data-loss', 'asked for the bytes from 100 on', JSON.stringify(header))
      assert.equal(registry.requests.length, 1)
    })

  test('206 without a range, or of another size', async () => {
    registry.on(path, () => ({ status: 206, body: bytes.subarray(100) }))
    await refused(read({ offset: 100 }), 'data-loss', 'without saying which')
    registry.on(path, () => ({ status: 206, headers: { 'Content-Range': 'bytes 100-199/200' }, body: bytes.subarray(100, 200) }))
    await refused(read({ offset: 100 }), 'data-loss', `has 200 bytes of it, but the manifest says ${SIZE}`)
  })

  test('206 for a request for all of it', async () => {
    registry.on(path, () => ({ status: 206, headers: { 'Content-Range': `bytes 0-99/${SIZE}` }, body: bytes.subarray(0, 100) }))
    await refused(read(), 'failed-precondition', 'answered 206')
  })

  test('a part of the part is gone on with', async () => {
    registry.on(path, ({ request }) => {
      const first = Number(/\d+/.exec(request.headers.range ?? '0')![0])
      const last = Math.min(first + 99_999, SIZE - 1)
      return { status: 206, headers: { 'Content-Range': `bytes ${first}-${last}/${SIZE}` }, body: bytes.subarray(first, last + 1) }
    })
    assert.ok((await read({ offset: 7 })).equals(bytes.subarray(7)))
    assert.equal(registry.requests.length, 5)
  })
})

describe('refusals of blobs', () => {
  for (const [status, kind] of [
    [401, 'permission-denied'],
    [403, 'permission-denied'],
    [404, 'not-found'],
    [500, 'unavailable'],
  ] as const)
    test(String(status), async () => {
      registry.on(path, fail(status, 'CODE', 'words'))
      await refused(read(), kind, `${registry.host}/a/b: blob ${descriptor.digest}: ${registry.host} answered ${status} CODE ("words")`)
      assert.equal(registry.requests.length, status === 500 ? 4 : 1)
    })

  test('an address that a registry redirected to and that is good no longer is asked for anew', async () => {
    const storage = await startRegistry()
    try {
      storage.contents.addBlob('a/b', bytes)
      registry.on(
        path,
        redirectTo((url) => `${storage.url}${url}?signature=secret`),
      )
      storage.on({ path, times: 1 }, cutAfter(100_000))
      storage.on({ path, after: 1, times: 1 }, fail(403, 'AccessDenied', 'Request has expired'))
      await whole()
      assert.deepEqual(
        storage.requests.map(({ status }) => status),
        [200, 403, 206],
      )
      storage.on(path, fail(403, 'AccessDenied', 'no'))
      const { message } = await refused(read(), 'unavailable', `${storage.host}, where it redirects to, answered 403 AccessDenied`)
      assert.ok(!message.includes('secret'), message)
    } finally {
      await storage.close()
    }
  })
})
