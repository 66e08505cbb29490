import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import type { Descriptor } from '../../../../image/spec/types.ts'
import { blobOf, imageOf, indexOf, noise } from '../../../support/images.ts'
import { collect, type Options, refused, sourceOf, targetOf } from '../../../support/registry/client.ts'
import { basicLogin } from '../../../support/registry/login.ts'
import { answerWith, cutBodyAfter, deafness, fail, hangUp, redirectTo, silence, withHeaders } from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'

const registry = await startRegistry()
after(() => registry.close())
afterEach(() => {
  registry.behave()
  registry.contents.repositories.clear()
})

const image = await imageOf({ layers: [[{ name: 'a', content: noise(100_000) }], [{ name: 'b', content: 'b' }]] })
const { bytes, descriptor } = blobOf(noise(1_000_000), 'x/y')
const CHUNKED: Options = { limits: { chunk: 300_000 } }

const opening = (content: Uint8Array, opened: { times: number } = { times: 0 }, piece = 70_000) =>
  async function* (): AsyncGenerator<Uint8Array> {
    opened.times++
    for (let at = 0; at < content.length; at += piece) yield content.subarray(at, at + piece)
  }

const put = async (options: Options = {}, open = opening(bytes), wanted: Descriptor = descriptor): Promise<void> => {
  const target = targetOf(`${registry.host}/a/b:1`, options)
  try {
    await target.putBlob(wanted, open)
  } finally {
    await target.close()
  }
}
const stored = (): Buffer => Buffer.from(registry.contents.repository('a/b').blobs.get(descriptor.digest) as Uint8Array)
const lines = (): string[] => registry.log().map((line) => line.replace(/uploads\/[^ ]+/, 'uploads/…'))

describe('blobs are sent', () => {
  test('in one request', async () => {
    await put()
    assert.ok(stored().equals(bytes))
    assert.deepEqual(lines(), ['POST /v2/a/b/blobs/uploads/ 202', 'PUT /v2/a/b/blobs/uploads/… 201'])
    assert.equal(registry.requests[1]!.headers['content-length'], '1000000')
    assert.equal(registry.requests[1]!.headers['transfer-encoding'], undefined)
  })

  test('in chunks, where it is larger than one', async () => {
    await put(CHUNKED)
    assert.ok(stored().equals(bytes))
    assert.deepEqual(
      registry.requests.map(({ method, headers }) => [method, headers['content-range']]),
      [
        ['POST', undefined],
        ['PATCH', '0-299999'],
        ['PATCH', '300000-599999'],
        ['PATCH', '600000-899999'],
        ['PATCH', '900000-999999'],
        ['PUT', undefined],
      ],
    )
  })

  test('in chunks as large as the registry wants them at least', async () => {
    registry.on({ method: 'POST', path: '/uploads/' }, withHeaders({ 'OCI-Chunk-Min-Length': '500000' }))
    await put({ limits: { chunk: 100_000 } })
    assert.ok(stored().equals(bytes))
    assert.equal(registry.log(/^PATCH/).length, 2)
  })

  for (const status of [400, 405, 411, 415, 501])
    test(`in one request after all, where chunks are answered with ${status}`, async () => {
      registry.on({ method: 'PATCH', path: '/uploads/' }, fail(status, 'UNSUPPORTED', 'no chunks'))
      await put(CHUNKED)
      assert.ok(stored().equals(bytes))
      assert.equal(registry.log(/^PATCH/).length, 1)
      assert.equal(registry.uploads, 0)
    })

  test('empty ones too', async () => {
    const empty = blobOf('', 'x/y')
    await put({}, opening(empty.bytes), empty.descriptor)
    assert.equal(registry.contents.repository('a/b').blobs.get(empty.descriptor.digest)?.length, 0)
  })

  test('to an address that is relative, or whole', async () => {
    registry.on({ method: 'POST', path: '/uploads/' }, async (_, normal) => {
      const answer = await normal()
      return { ...answer, headers: { ...answer.headers, Location: `${registry.url}${String(answer.headers!['Location'])}` } }
    })
    await put()
    assert.ok(stored().equals(bytes))
  })

  test('with a login', async () => {
    const user = { username: 'u', password: 'p' }
    const other = await startRegistry({ login: basicLogin(user) })
    const target = targetOf(`${other.host}/a/b:1`, { ...CHUNKED, credentials: async () => user })
    await target.putBlob(descriptor, opening(bytes))
    await target.close()
    assert.ok(Buffer.from(other.contents.repository('a/b').blobs.get(descriptor.digest) as Uint8Array).equals(bytes))
    await other.close()
  })

  test('not if they are there, or can be mounted', async () => {
    registry.contents.addBlob('a/b', bytes)
    const target = targetOf(`${registry.host}/a/b:1`, { mountFrom: () => ['a/b', 'not/there', 'c/d'] })
    assert.equal(await target.hasBlob(descriptor), true)
    await target.putBlob(descriptor, () => assert.fail('nothing is to be read'))
    assert.deepEqual(lines(), [`HEAD /v2/a/b/blobs/${descriptor.digest} 200`])
    registry.behave()
    const other = blobOf(noise(500, 3), 'x/y')
    registry.contents.addBlob('c/d', other.bytes)
    assert.equal(await target.hasBlob(other.descriptor), true)
    assert.equal(await target.hasBlob(other.descriptor), true)
    await target.close()
    assert.equal(registry.log(/HEAD/).length, 1)
    assert.equal(registry.log(/mount=/).length, 2)
    assert.equal(registry.uploads, 0, 'what was begun in place of the mount of not/there was taken back')
  })

  test('by the upload that came in place of a mount', async () => {
    const target = targetOf(`${registry.host}/a/b:1`, { mountFrom: () => ['not/there'] })
    assert.equal(await target.hasBlob(descriptor), false)
    await target.putBlob(descriptor, opening(bytes))
    await target.close()
    assert.ok(stored().equals(bytes))
    assert.equal(registry.log(/^POST/).length, 1)
  })

  test('a mount that is forbidden is no failure', async () => {
    registry.on({ method: 'POST', path: /mount=/ }, fail(403, 'DENIED', 'no'))
    const target = targetOf(`${registry.host}/a/b:1`, { mountFrom: () => ['c/d'] })
    assert.equal(await target.hasBlob(descriptor), false)
    await target.close()
  })
})

describe('sending that breaks off', () => {
  test('in one request: is done again', async () => {
    registry.on({ method: 'PUT', path: '/uploads/', times: 2 }, cutBodyAfter(100_000))
    const opened = { times: 0 }
    await put({}, opening(bytes, opened))
    assert.ok(stored().equals(bytes))
    assert.equal(opened.times, 3)
    assert.equal(registry.uploads, 0)
  })

  test('in chunks: goes on where the registry has come to', async () => {
    registry.on({ method: 'PATCH', path: '/uploads/', after: 1, times: 1 }, cutBodyAfter(100_000))
    await put(CHUNKED)
    assert.ok(stored().equals(bytes))
    const patches = registry.requests
      .filter(({ method }) => method === 'PATCH')
      .map(({ headers }) => Number(headers['content-range']!.split('-')[0]))
    assert.equal(registry.log(/^GET/).length, 1)
    assert.equal(registry.log(/^POST/).length, 1)
    assert.ok(patches[2]! >= 300_000, `went on at ${patches[2]}`)
  })

  test('an answer that is lost', async () => {
    registry.on({ method: 'PATCH', path: '/uploads/', after: 1, times: 1 }, async (exchange, normal) => {
      await normal()
      return hangUp(exchange, normal)
    })
    await put(CHUNKED)
    assert.ok(stored().equals(bytes))
    const patches = registry.requests.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range'])
    assert.deepEqual(patches, ['0-299999', '300000-599999', '600000-899999', '900000-999999'])
  })

  test('a registry that has kept less than it was sent', async () => {
    registry.on({ method: 'PATCH', path: '/uploads/', times: 1 }, async (_, normal) => {
      const answer = await normal()
      return { ...answer, headers: { ...answer.headers, Range: '0-149999' } }
    })
    await put(CHUNKED)
    assert.ok(stored().equals(bytes))
  })

  test('an upload that is gone begins anew', async () => {
    registry.on({ method: 'PATCH', path: '/uploads/', after: 2, times: 1 }, fail(404, 'BLOB_UPLOAD_UNKNOWN', 'gone'))
    registry.on({ method: 'GET', path: '/uploads/' }, fail(404, 'BLOB_UPLOAD_UNKNOWN', 'gone'))
    await put(CHUNKED)
    assert.ok(stored().equals(bytes))
    assert.equal(registry.log(/^POST/).length, 2)
  })

  for (const status of [429, 500, 503])
    test(`${status} for a while`, async () => {
      registry.on({ method: 'PATCH', path: '/uploads/', after: 1, times: 2 }, fail(status, 'BUSY', 'busy', { 'Retry-After': '0' }))
      registry.on({ method: 'POST', path: '/uploads/', times: 1 }, fail(status, 'BUSY', 'busy'))
      await put(CHUNKED)
      assert.ok(stored().equals(bytes))
    })

  test('is given up in the end, and taken back', async () => {
    registry.on({ method: 'PUT', path: '/uploads/' }, cutBodyAfter(1))
    await refused(put(), 'unavailable', `${registry.host}/a/b: blob ${descriptor.digest}`, 'the connection broke')
    assert.equal(registry.log(/^PUT/).length, 4)
    assert.equal(registry.uploads, 0)
  })

  test('a registry that takes nothing of it', async () => {
    registry.on({ method: 'PUT', path: '/uploads/' }, deafness)
    const large = blobOf(noise(20_000_000), 'x/y')
    await refused(
      put({ limits: { tries: 2 } }, opening(large.bytes), large.descriptor),
      'unavailable',
      'took fewer than 4096 bytes in 0.5 s',
    )
  })

  test('cancelled', async () => {
    registry.on({ method: 'PUT', path: '/uploads/' }, silence)
    const target = targetOf(`${registry.host}/a/b:1`)
    await refused(target.putBlob(descriptor, opening(bytes), { signal: AbortSignal.timeout(100) }), 'cancelled')
    await target.close()
    assert.equal(registry.uploads, 0)
  })
})

describe('blobs that are not what they should be are not sent', () => {
  for (const [name, content, words] of [
    ['another content', Buffer.from(bytes).fill(7, 5, 6), 'has the digest sha256:'],
    ['too short', bytes.subarray(0, 999_999), 'ends after 999999 of 1000000 bytes'],
    ['too long', Buffer.concat([bytes, Buffer.from('x')]), 'is longer than its 1000000 bytes'],
    ['empty', Buffer.alloc(0), 'ends after 0 of 1000000 bytes'],
  ] as const)
    test(name, async () => {
      for (const options of [{}, CHUNKED])
        await refused(put(options, opening(content)), 'data-loss', `blob ${descriptor.digest} is not sent`, words)
      assert.equal(registry.contents.repository('a/b').blobs.size, 0)
      assert.equal(registry.uploads, 0)
    })

  test('what is wrong with reading it is told as it is', async () => {
    await assert.rejects(
      put({}, async function* () {
        yield bytes.subarray(0, 10)
        throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
      }),
      { code: 'EIO' },
    )
    assert.equal(registry.uploads, 0)
  })
})

describe('refusals', () => {
  for (const [status, kind] of [
    [401, 'permission-denied'],
    [403, 'permission-denied'],
    [405, 'unsupported'],
    [413, 'resource-exhausted'],
    [400, 'invalid-argument'],
  ] as const)
    for (const method of status === 400 || status === 405 ? (['POST', 'PUT'] as const) : (['POST', 'PUT', 'PATCH'] as const))
      test(`${status} to ${method}`, async () => {
        registry.on({ method, path: '/uploads/' }, fail(status, 'CODE', 'words'))
        await refused(
          put(method === 'PATCH' ? CHUNKED : {}),
          kind,
          `${registry.host}/a/b: blob ${descriptor.digest}: ${registry.host} answered ${status} CODE ("words")`,
        )
        assert.equal(registry.log(new RegExp(`^${method} .* ${status}`)).length, 1)
        assert.equal(registry.uploads, 0)
      })

  test('where to push is said to need a login that may', async () => {
    registry.on({ method: 'POST', path: '/uploads/' }, fail(403, 'DENIED', 'no'))
    await refused(put(), 'permission-denied', 'as a user who may push it')
  })

  test('an upload without an address', async () => {
    registry.on({ method: 'POST', path: '/uploads/' }, answerWith({ status: 202 }))
    await refused(put(), 'data-loss', 'does not say where')
  })

  test('no repository', async () => {
    registry.on('/uploads/', fail(404, 'NAME_UNKNOWN', 'unknown'))
    await refused(put(), 'not-found', '404 NAME_UNKNOWN')
  })
})

describe('documents are put', () => {
  const blobs = async (target: ReturnType<typeof targetOf>): Promise<void> => {
    for (const blob of image.blobs) if (!(await target.hasBlob(blob.descriptor))) await target.putBlob(blob.descriptor, opening(blob.bytes))
  }

  test('an image is seen when it is whole', async () => {
    const target = targetOf(`${registry.host}/a/b:1`)
    await blobs(target)
    await target.putDocument(image.document, true)
    assert.equal(registry.contents.document('a/b', '1'), undefined)
    await target.commit()
    await target.close()
    const source = sourceOf(`${registry.host}/a/b:1`)
    assert.equal((await source.document()).digest, image.document.digest)
    for (const blob of image.blobs) assert.ok((await collect(source.blob(blob.descriptor))).equals(blob.bytes))
    await source.close()
  })

  test('an index, after its manifests', async () => {
    const index = indexOf([image])
    const target = targetOf(`${registry.host}/a/b:1`)
    await blobs(target)
    await target.putDocument(image.document, false)
    await target.putDocument(index.document, true)
    await target.commit()
    await target.close()
    assert.equal(registry.contents.document('a/b', '1')?.digest, index.document.digest)
    assert.equal(registry.contents.document('a/b', '1')?.mediaType, index.document.mediaType)
  })

  test('by digest', async () => {
    const target = targetOf(`${registry.host}/a/b@${image.document.digest}`)
    await blobs(target)
    await target.putDocument(image.document, true)
    await target.commit()
    await target.close()
    assert.ok(registry.contents.document('a/b', image.document.digest))
    const other = targetOf(`${registry.host}/a/b@sha256:${'0'.repeat(64)}`)
    await refused(other.putDocument(image.document, true), 'failed-precondition', image.document.digest)
    await other.close()
  })

  test('not if they are not what they should be', async () => {
    const target = targetOf(`${registry.host}/a/b:1`)
    await refused(target.putDocument({ ...image.document, bytes: Buffer.from('{}') }, false), 'data-loss', 'is not sent')
    await refused(target.putDocument(image.document, false), 'invalid-argument', '400 MANIFEST_BLOB_UNKNOWN', image.document.digest)
    await target.close()
  })

  test('a registry that takes them for others', async () => {
    const target = targetOf(`${registry.host}/a/b:1`)
    await blobs(target)
    registry.on({ method: 'PUT', path: '/manifests/' }, withHeaders({ 'Docker-Content-Digest': `sha256:${'0'.repeat(64)}` }))
    await refused(target.putDocument(image.document, false), 'data-loss', 'calls it')
    await target.close()
  })

  test('busy registries are tried again', async () => {
    const target = targetOf(`${registry.host}/a/b:1`)
    await blobs(target)
    registry.on({ method: 'PUT', path: '/manifests/', times: 1 }, fail(503, 'BUSY', 'busy'))
    registry.on({ method: 'PUT', path: '/manifests/', times: 1 }, hangUp)
    await target.putDocument(image.document, true)
    await target.commit()
    await target.close()
    assert.equal(registry.contents.document('a/b', '1')?.digest, image.document.digest)
  })

  test('redirects of a PUT are followed with its body; those that would make a GET of it are not', async () => {
    const target = targetOf(`${registry.host}/a/b:1`)
    await blobs(target)
    registry.on(
      { method: 'PUT', path: '/manifests/', times: 1 },
      redirectTo(`${registry.url}/v2/a/b/manifests/${image.document.digest}`, 308),
    )
    await target.putDocument(image.document, false)
    registry.on({ method: 'PUT', path: '/manifests/', times: 1 }, redirectTo(`${registry.url}/v2/a/b/manifests/x`, 302))
    await refused(target.putDocument(image.document, false), 'failed-precondition', 'answered 302')
    await target.close()
  })
})
