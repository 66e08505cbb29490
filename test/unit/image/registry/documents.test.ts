import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { digestOf } from '../../../../image/digest.ts'
import { DOCKER_LIST, DOCKER_MANIFEST, documentOf, imageOf, indexOf, OCI_INDEX, OCI_MANIFEST } from '../../../support/images.ts'
import { refused, sourceOf } from '../../../support/registry/client.ts'
import {
  answerWith,
  cutAfter,
  endlessBody,
  fail,
  garble,
  hangUp,
  silence,
  trickle,
  withBody,
  withHeaders,
} from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'

const registry = await startRegistry()
after(() => registry.close())
afterEach(() => registry.behave())

const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })
const docker = await imageOf({ layers: [[{ name: 'a', content: 'a' }]], flavour: 'docker' })
const index = indexOf([image])
registry.contents.add('a/b', image, 'latest')
registry.contents.add('a/docker', docker, 'latest')
registry.contents.add('a/index', index, 'latest')
registry.contents.add('a/list', indexOf([docker], { flavour: 'docker' }), 'latest')

const document = async (name: string, options = {}) => {
  const source = sourceOf(`${registry.host}/${name}`, options)
  try {
    return await source.document()
  } finally {
    await source.close()
  }
}
const refusedDocument = (name: string, ...rest: Parameters<typeof refused> extends [unknown, ...infer Rest] ? Rest : never) =>
  refused(document(name), ...rest)

describe('documents', () => {
  for (const [name, mediaType] of [
    ['a/b', OCI_MANIFEST],
    ['a/docker', DOCKER_MANIFEST],
    ['a/index', OCI_INDEX],
    ['a/list', DOCKER_LIST],
  ] as const)
    test(`${mediaType} is read`, async () => {
      const read = await document(`${name}:latest`)
      assert.equal(read.mediaType, mediaType)
      assert.equal(read.digest, digestOf(read.bytes))
      assert.equal(read.digest, registry.contents.document(name, 'latest')!.digest)
    })

  test('all four types are asked for, by name', async () => {
    await document('a/b:latest', { userAgent: 'wherry/1.2.3' })
    const { headers } = registry.requests.at(-1)!
    assert.deepEqual(new Set(headers.accept?.split(', ')), new Set([OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST]))
    assert.equal(headers['user-agent'], 'wherry/1.2.3')
    assert.equal(headers['accept-encoding'], 'identity')
    assert.equal(headers.authorization, undefined)
  })

  test('by digest, and what an index refers to', async () => {
    const source = sourceOf(`${registry.host}/a/index@${index.document.digest}`)
    assert.equal((await source.document()).digest, index.document.digest)
    assert.equal((await source.document(image.document.digest)).mediaType, OCI_MANIFEST)
    assert.equal(await source.resolve(), index.document.digest)
    await source.close()
    assert.deepEqual(registry.log(), [
      `GET /v2/a/index/manifests/${index.document.digest} 200`,
      `GET /v2/a/index/manifests/${image.document.digest} 200`,
    ])
  })

  test('HEAD tells the digest of a tag; a registry that does not say is asked for the document', async () => {
    const source = sourceOf(`${registry.host}/a/b:latest`)
    assert.equal(await source.resolve(), image.document.digest)
    assert.deepEqual(registry.log(), ['HEAD /v2/a/b/manifests/latest 200'])
    registry.behave()
    registry.on({ method: 'HEAD', path: '/manifests/' }, withHeaders({ 'Docker-Content-Digest': '' }))
    assert.equal(await source.resolve(), image.document.digest)
    assert.deepEqual(registry.log(), ['HEAD /v2/a/b/manifests/latest 200', 'GET /v2/a/b/manifests/latest 200'])
    registry.behave()
    registry.on({ method: 'HEAD', path: '/manifests/' }, answerWith({ status: 405 }))
    assert.equal(await source.resolve(), image.document.digest)
    registry.on({ method: 'HEAD', path: '/manifests/' }, answerWith({ status: 404 }))
    await refused(source.resolve(), 'not-found', '404', 'manifest latest')
    await source.close()
  })

  test('without a tag it is latest; the name is the whole one', async () => {
    const source = sourceOf(`${registry.host}/a/b`)
    assert.equal(source.name, `${registry.host}/a/b:latest`)
    assert.equal((await source.document()).digest, image.document.digest)
    await source.close()
  })

  test('a second use keeps the connection', async () => {
    const source = sourceOf(`${registry.host}/a/b`)
    await source.document()
    const before = registry.connections
    await source.resolve()
    await source.document()
    await source.document()
    assert.equal(registry.connections, before)
    await source.close()
  })
})

describe('documents that are not what they should be', () => {
  const other = Buffer.from(image.document.bytes.toString().replace('schemaVersion', 'SchemaVersion'))
  const path = '/manifests/'

  test('another digest than asked for', async () => {
    registry.on(path, withBody(other))
    const wanted = image.document.digest
    await refusedDocument(`a/b@${wanted}`, 'data-loss', `${registry.host}/a/b: manifest ${wanted}`, `sent ${digestOf(other)}`, 'instead')
  })

  test('another digest than the registry says', async () => {
    registry.on(path, withHeaders({ 'Docker-Content-Digest': digestOf(other) }))
    await refusedDocument('a/b:latest', 'data-loss', 'manifest latest', `sent ${image.document.digest}`, `calls it ${digestOf(other)}`)
  })

  for (const lie of ['sha256:abc', `SHA256:${'0'.repeat(64)}`, '../../etc/passwd', `md5:${'0'.repeat(32)}`])
    test(`a digest that is none: ${lie}`, async () => {
      registry.on(path, withHeaders({ 'Docker-Content-Digest': lie }))
      await refusedDocument('a/b:latest', 'data-loss', 'states no proper digest')
    })

  test('larger than 4 MiB, said', async () => {
    registry.on(path, withBody(Buffer.alloc(4 * 1024 * 1024 + 1, ' ')))
    await refusedDocument('a/b:latest', 'data-loss', 'manifest latest', 'more than the 4194304 bytes')
  })

  test('as large as may be', async () => {
    const largest = Buffer.concat([Buffer.from(image.document.bytes), Buffer.alloc(4 * 1024 * 1024 - image.document.bytes.length, ' ')])
    registry.on(path, withBody(largest))
    registry.on(path, async (_, normal) => ({ ...(await normal()), headers: { 'Content-Type': OCI_MANIFEST }, body: largest }))
    assert.equal((await document('a/b:latest')).bytes.length, 4 * 1024 * 1024)
  })

  test('without an end', async () => {
    const sent = { bytes: 0 }
    registry.on(path, endlessBody(Buffer.alloc(64 * 1024, ' '), sent))
    await refusedDocument('a/b:latest', 'data-loss', 'more than the 4194304 bytes')
    assert.ok(sent.bytes < 64 * 1024 * 1024, `${sent.bytes} bytes were sent`)
  })

  const typed = (contentType: string, value: unknown) =>
    answerWith({
      status: 200,
      headers: { 'Content-Type': contentType },
      body: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    })
  const manifest = JSON.parse(image.document.bytes.toString())
  const list = JSON.parse(index.document.bytes.toString())
  const untyped = ({ mediaType: _, ...rest }: Record<string, unknown>) => rest

  test('schema 1, by type or by form, is named', async () => {
    registry.on(path, typed('application/vnd.docker.distribution.manifest.v1+prettyjws', { schemaVersion: 1, fsLayers: [] }))
    await refusedDocument('a/b:latest', 'unsupported', 'schema 1', 'pushed again')
    registry.on(path, typed('application/json', { schemaVersion: 1, fsLayers: [] }))
    await refusedDocument('a/b:latest', 'unsupported', 'schema 1')
    registry.on({ method: 'HEAD', path }, withHeaders({ 'Content-Type': 'application/vnd.docker.distribution.manifest.v1+json' }))
    const source = sourceOf(`${registry.host}/a/b:latest`)
    await refused(source.resolve(), 'unsupported', 'schema 1')
    await source.close()
  })

  test('type of the header and type of the document differ', async () => {
    registry.on(path, typed(OCI_INDEX, manifest))
    await refusedDocument('a/b:latest', 'data-loss', `sent as ${OCI_INDEX}`, `says that it is ${OCI_MANIFEST}`)
    registry.on(path, typed(DOCKER_MANIFEST, manifest))
    await refusedDocument('a/b:latest', 'data-loss', `sent as ${DOCKER_MANIFEST}`)
  })

  test('type of the header and form of the document differ', async () => {
    registry.on(path, typed(OCI_INDEX, untyped(manifest)))
    await refusedDocument('a/b:latest', 'data-loss', 'form of a manifest')
    registry.on(path, typed(OCI_MANIFEST, untyped(list)))
    await refusedDocument('a/b:latest', 'data-loss', 'form of an index')
  })

  test('both manifest and index (CVE-2021-41190)', async () => {
    for (const contentType of [OCI_MANIFEST, OCI_INDEX, 'application/json']) {
      registry.on(path, typed(contentType, { ...untyped(manifest), manifests: list.manifests }))
      await refusedDocument('a/b:latest', 'data-loss', 'both "manifests" and "layers"')
    }
  })

  test('a vague header leaves it to the document', async () => {
    for (const contentType of ['application/json; charset=utf-8', 'text/plain', 'application/octet-stream']) {
      registry.on(path, typed(contentType, manifest))
      assert.equal((await document('a/b:latest')).mediaType, OCI_MANIFEST)
      registry.on(path, typed(contentType, untyped(list)))
      assert.equal((await document('a/b:latest')).mediaType, OCI_INDEX)
    }
    registry.on(path, typed(`${OCI_MANIFEST}; charset=utf-8`, manifest))
    assert.equal((await document('a/b:latest')).mediaType, OCI_MANIFEST)
  })

  test('no manifest at all', async () => {
    registry.on(path, typed('text/html', '<html>sign in</html>'))
    await refusedDocument('a/b:latest', 'data-loss', '"text/html" and no manifest', 'container registry')
    registry.on(path, typed(OCI_MANIFEST, '<html>'))
    await refusedDocument('a/b:latest', 'data-loss', 'is not JSON')
    registry.on(path, typed('application/json', {}))
    await refusedDocument('a/b:latest', 'data-loss', 'neither a manifest nor an index')
    registry.on(path, typed(OCI_MANIFEST, [manifest]))
    await refusedDocument('a/b:latest', 'data-loss', 'not a JSON object')
    registry.on(path, typed('application/json', { ...manifest, mediaType: 'application/vnd.cncf.helm.config.v1+json' }))
    await refusedDocument('a/b:latest', 'data-loss', 'that of no image')
    registry.on(path, typed('application/json', { ...manifest, mediaType: 7 }))
    await refusedDocument('a/b:latest', 'data-loss', 'mediaType is not a string')
  })

  test('content encodings that nobody asked for', async () => {
    registry.on(path, withHeaders({ 'Content-Encoding': 'gzip' }))
    await refusedDocument('a/b:latest', 'data-loss', 'content encoding "gzip"')
    registry.on(path, withHeaders({ 'Content-Encoding': 'identity' }))
    assert.equal((await document('a/b:latest')).digest, image.document.digest)
  })

  test('transfer encodings that nobody asked for', async () => {
    registry.on(path, garble('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'))
    await refusedDocument('a/b:latest', 'unavailable', 'transfer encoding "gzip, chunked"')
  })
})

describe('registries that fail', () => {
  const path = '/manifests/'

  for (const [status, kind, word] of [
    [400, 'invalid-argument', 'finds the request'],
    [401, 'permission-denied', `wherry login ${registry.host}`],
    [403, 'permission-denied', `wherry login ${registry.host}`],
    [404, 'not-found', `there is no manifest nothing in repository a/b of ${registry.host}`],
    [405, 'unsupported', 'does not know this request'],
    [418, 'failed-precondition', 'container registry'],
  ] as const)
    test(`${status} is told once, with the registry’s words`, async () => {
      registry.on(path, fail(status, 'SOME_CODE', 'some\u001b[2J words, see https://h/x?token=secret'))
      const { message } = await refusedDocument(
        'a/b:nothing',
        kind,
        `${registry.host}/a/b: manifest nothing: ${registry.host} answered ${status} SOME_CODE ("some`,
        word,
      )
      assert.ok(!message.includes('secret') && !message.includes('\u001b'), message)
      assert.equal(registry.requests.length, 1)
    })

  for (const status of [408, 429, 500, 502, 503, 504])
    test(`${status} is tried again, and told in the end`, async () => {
      registry.on({ path, times: 2 }, fail(status, 'BUSY', 'busy', { 'Retry-After': '0' }))
      assert.equal((await document('a/b:latest')).digest, image.document.digest)
      assert.equal(registry.requests.length, 3)
      registry.behave()
      registry.on(path, fail(status, 'BUSY', 'busy'))
      await refusedDocument('a/b:latest', status === 429 ? 'resource-exhausted' : 'unavailable', `${status} BUSY ("busy")`)
      assert.equal(registry.requests.length, 4)
    })

  test('Retry-After that is too long is not waited for', async () => {
    registry.on(path, fail(429, 'TOOMANYREQUESTS', 'pull rate limit', { 'Retry-After': '3600' }))
    await refusedDocument('a/b:latest', 'resource-exhausted', '429 TOOMANYREQUESTS', 'asks to wait 60 min', 'log in')
    assert.equal(registry.requests.length, 1)
  })

  test('Retry-After is waited for, in seconds and until a date', async () => {
    for (const header of [() => '1', () => new Date(Date.now() + 1999).toUTCString()]) {
      registry.on({ path, times: 1 }, (exchange, normal) => fail(503, 'X', 'y', { 'Retry-After': header() })(exchange, normal))
      const begun = performance.now()
      await document('a/b:latest')
      assert.ok(performance.now() - begun > 900)
    }
  })

  test('connections that break are tried again', async () => {
    for (const misbehaviour of [hangUp, cutAfter(20), silence]) {
      registry.behave()
      registry.on({ path, times: 2 }, misbehaviour)
      assert.equal((await document('a/b:latest')).digest, image.document.digest)
      assert.equal(registry.log(/^GET/).length, 3)
    }
  })

  test('a document that trickles is given up', async () => {
    registry.on(path, trickle(1, 50))
    await refusedDocument('a/b:latest', 'unavailable', /the connection stalled|was not there within/)
  })

  test('what is no HTTP is named', async () => {
    registry.on(path, garble('SSH-2.0-OpenSSH_9.2\r\n'))
    await refusedDocument('a/b:latest', 'unavailable', 'not HTTP')
    assert.equal(registry.log(/^GET/).length, 1, 'and not tried again')
  })

  test('nobody listens', async () => {
    const gone = await startRegistry()
    await gone.close()
    const source = sourceOf(`${gone.host}/a/b:latest`)
    await refused(
      source.document(),
      'unavailable',
      `${gone.host}/a/b: manifest latest: ${gone.host}: the connection was refused`,
      'ECONNREFUSED',
    )
    await source.close()
  })

  test('an answer of 200 that is cut each time is given up', async () => {
    registry.on(path, cutAfter(20))
    await refusedDocument('a/b:latest', 'unavailable', 'the connection broke')
    assert.equal(registry.log(/^GET/).length, 4)
  })

  test('cancelling ends it at once', async () => {
    registry.on(path, silence)
    const source = sourceOf(`${registry.host}/a/b:latest`)
    await refused(source.document(undefined, { signal: AbortSignal.timeout(50) }), 'cancelled', `${registry.host}/a/b:latest: cancelled`)
    await refused(source.document(undefined, { signal: AbortSignal.abort() }), 'cancelled')
    await source.close()
  })

  test('a media type in the way of a form is no crash', async () => {
    registry.contents.addDocument('a/odd', documentOf({ schemaVersion: 2, mediaType: OCI_MANIFEST }, OCI_MANIFEST), 'latest')
    assert.equal((await document('a/odd:latest')).mediaType, OCI_MANIFEST)
  })
})
