/** The registry client and Debian's docker-registry (distribution), with skopeo as the other party. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { digestOf } from '../../../image/digest.ts'
import { checkLogin } from '../../../image/registry/login.ts'
import { type TestContent, type TestImage, blobOf, imageOf, indexOf, layerOf, noise, writeLayout } from '../../support/images.ts'
import { certificates } from '../../support/registry/certificates.ts'
import { collect, IMPATIENT, type Options, refused, sourceOf, targetOf } from '../../support/registry/client.ts'
import { startCuttingLink } from '../../support/registry/cutting-link.ts'
import { startDebianRegistry, USER } from '../../support/registry/debian.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('docker-registry', 'openssl')
const skipWithSkopeo = requires('docker-registry', 'openssl', 'skopeo')
const run = promisify(execFile)

/** A busy machine’s registry is slower than an impatient test. */
const limits = { ...IMPATIENT, answer: 20_000, document: 20_000, commit: 60_000, stall: { bytes: 1024, milliseconds: 20_000 } }

const image = await imageOf({
  layers: [
    [{ name: 'etc/' }, { name: 'etc/a', content: noise(200_000) }],
    await layerOf([{ name: 'etc/b', content: noise(50_000, 2) }], { compression: 'zstd' }),
    await layerOf([{ name: 'etc/c', content: 'c' }], { compression: 'none' }),
  ],
})
const large = blobOf(noise(8_000_000, 5), 'application/vnd.oci.image.layer.v1.tar')

const pieces = (bytes: Uint8Array) =>
  async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000)
  }

const push = async (name: string, content: TestContent, options: Options = {}): Promise<void> => {
  const target = targetOf(name, { limits, ...options })
  try {
    await Promise.all(
      content.blobs.map(async (blob) => {
        if (!(await target.hasBlob(blob.descriptor))) await target.putBlob(blob.descriptor, pieces(blob.bytes))
      }),
    )
    for (const document of content.documents.slice(1)) await target.putDocument(document, false)
    await target.putDocument(content.document, true)
    await target.commit()
  } finally {
    await target.close()
  }
}

const pull = async (name: string, wanted: TestImage, options: Options = {}): Promise<void> => {
  const source = sourceOf(name, { limits, ...options })
  try {
    const document = await source.document()
    assert.equal(await source.resolve(), document.digest)
    assert.equal(document.digest, wanted.document.digest)
    const blobs = await Promise.all(wanted.blobs.map(({ descriptor }) => collect(source.blob(descriptor))))
    for (const [at, blob] of wanted.blobs.entries()) assert.ok(blobs[at]!.equals(blob.bytes))
  } finally {
    await source.close()
  }
}

const folder = mkdtempSync(join(tmpdir(), 'wherry-registry-'))
after(() => rmSync(folder, { recursive: true }))

describe('without a login', { skip }, async () => {
  const registry = skip === false ? await startDebianRegistry() : undefined
  const host = registry?.host ?? ''
  after(() => registry?.close())

  test('what is pushed is pulled', async () => {
    await push(`${host}/a/b:1`, image)
    await pull(`${host}/a/b:1`, image)
    await pull(`${host}/a/b@${image.document.digest}`, image)
  })

  test('an index, and Docker’s forms', async () => {
    const docker = await imageOf({ flavour: 'docker', layers: [[{ name: 'd', content: 'd' }]] })
    const arm = await imageOf({
      flavour: 'docker',
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      layers: [[{ name: 'arm' }]],
    })
    const list = indexOf([docker, arm], { flavour: 'docker' })
    await push(`${host}/a/list:1`, list)
    const source = sourceOf(`${host}/a/list:1`, { limits })
    assert.equal((await source.document()).digest, list.document.digest)
    assert.equal((await source.document(arm.document.digest)).mediaType, arm.document.mediaType)
    await source.close()
  })

  test('what another tool pushed is pulled, and the other way round', { skip: skipWithSkopeo }, async () => {
    writeLayout(join(folder, 'layout'), { one: image })
    await run('skopeo', [
      'copy',
      '--preserve-digests',
      '--dest-tls-verify=false',
      `oci:${folder}/layout:one`,
      `docker://${host}/skopeo/image:1`,
    ])
    await pull(`${host}/skopeo/image:1`, image)
    await push(`${host}/ours/image:1`, image)
    await run('skopeo', ['copy', '--preserve-digests', '--src-tls-verify=false', `docker://${host}/ours/image:1`, `oci:${folder}/back:one`])
    const back = readdirSync(join(folder, 'back/blobs/sha256')).sort()
    assert.deepEqual(
      back,
      [...image.blobs.map(({ descriptor }) => descriptor.digest), image.document.digest].map((digest) => digest.slice(7)).sort(),
    )
  })

  test('a blob of another repository is mounted, not sent', async () => {
    await push(`${host}/a/b:1`, image)
    const target = targetOf(`${host}/other/name:1`, { limits, mountFrom: () => ['nothing/there', 'a/b'] })
    for (const { descriptor } of image.blobs) assert.equal(await target.hasBlob(descriptor), true)
    await target.putDocument(image.document, true)
    await target.commit()
    await target.close()
    await pull(`${host}/other/name:1`, image)
  })

  test('in chunks, over a link that breaks', async () => {
    const link = await startCuttingLink(host)
    try {
      const options = { limits: { ...limits, chunk: 1_000_000 } }
      // distribution 2.8 lets nobody go on with a chunk that broke off (its _state tells the offset): the blob is begun anew
      link.cut(2, 2_700_000, 'up')
      const target = targetOf(`${link.host}/cut/up:1`, options)
      await target.putBlob(large.descriptor, pieces(large.bytes))
      await target.close()
      assert.equal(link.cuts, 2)
      link.cut(5, 900_000, 'down')
      const source = sourceOf(`${link.host}/cut/up:1`, options)
      assert.ok((await collect(source.blob(large.descriptor))).equals(large.bytes))
      assert.ok((await collect(source.blob(large.descriptor, { offset: 7_999_999 }))).equals(large.bytes.subarray(7_999_999)))
      await source.close()
      assert.equal(link.cuts, 7)
    } finally {
      await link.close()
    }
  })

  test('in one request, over a link that breaks', async () => {
    const link = await startCuttingLink(host)
    try {
      const other = blobOf(noise(3_000_000, 6), 'x/y')
      link.cut(2, 1_500_000, 'up')
      const target = targetOf(`${link.host}/cut/whole:1`, { limits })
      await target.putBlob(other.descriptor, pieces(other.bytes))
      assert.equal(await target.hasBlob(other.descriptor), true)
      await target.close()
      const source = sourceOf(`${host}/cut/whole:1`, { limits })
      assert.ok((await collect(source.blob(other.descriptor))).equals(other.bytes))
      await source.close()
    } finally {
      await link.close()
    }
  })

  test('what is not there is named', async () => {
    await push(`${host}/a/b:1`, image)
    const nothing = digestOf(Buffer.from('nothing'))
    for (const name of ['a/b:2', 'no/such/repository:1', `a/b@${nothing}`]) {
      const source = sourceOf(`${host}/${name}`, { limits })
      await refused(source.document(), 'not-found', `${host} answered 404 MANIFEST_UNKNOWN ("manifest unknown")`, 'check the name')
      await refused(
        source.resolve().then(() => source.document()),
        'not-found',
        '404',
      )
      await source.close()
    }
    const source = sourceOf(`${host}/a/b:1`, { limits })
    await refused(collect(source.blob({ mediaType: 'x/y', digest: nothing, size: 7 })), 'not-found', `blob ${nothing}`, '404 BLOB_UNKNOWN')
    await source.close()
  })

  test('a manifest whose blobs are not there is refused by it', async () => {
    const target = targetOf(`${host}/half/image:1`, { limits })
    await refused(target.putDocument(image.document, false), 'invalid-argument', '400 MANIFEST_BLOB_UNKNOWN', image.document.digest)
    await target.close()
  })

  test('a blob of another digest is not kept', async () => {
    const target = targetOf(`${host}/a/b:1`, { limits })
    const lie = { mediaType: 'x/y', digest: digestOf(Buffer.from('truth')), size: 3 }
    await refused(target.putBlob(lie, pieces(Buffer.from('lie'))), 'data-loss', 'is not sent')
    assert.equal(await target.hasBlob(lie), false)
    await target.close()
  })
})

const credentials = async () => USER
const wrong = { ...USER, password: 'wrong' }

for (const login of ['basic', 'token'] as const)
  describe(`with a login by ${login}`, { skip }, async () => {
    const registry = skip === false ? await startDebianRegistry({ login }) : undefined
    const host = registry?.host ?? ''
    after(() => registry?.close())

    test('who may, pushes and pulls', async () => {
      await push(`${host}/private/image:1`, image, { credentials })
      await pull(`${host}/private/image:1`, image, { credentials })
      await push(`${host}/private/other:1`, image, { credentials, mountFrom: () => ['private/image'] })
    })

    test('who may not is told what to do', async () => {
      const source = sourceOf(`${host}/private/image:1`, { limits })
      await refused(source.document(), 'permission-denied', '401 UNAUTHORIZED', `wherry login ${host}`)
      await source.close()
      const target = targetOf(`${host}/private/image:1`, { limits })
      await refused(target.hasBlob(large.descriptor), 'permission-denied', '401', 'who may push it')
      await refused(target.putBlob(large.descriptor, pieces(large.bytes)), 'permission-denied', '401')
      await target.close()
    })

    test('a wrong password is refused, and not shown', async () => {
      const source = sourceOf(`${host}/private/image:1`, { limits, credentials: async () => wrong })
      const { message } = await refused(source.document(), 'permission-denied', '401', 'log in again')
      assert.ok(!message.includes('wrong"') && !message.includes(wrong.password), message)
      await source.close()
    })

    test('a login is checked', async () => {
      const options = { endpoint: { registry: host, insecure: true }, env: {}, limits }
      assert.equal(await checkLogin(options, USER), true)
      await refused(checkLogin(options, wrong), 'permission-denied', 'refused')
    })

    if (login === 'token')
      test('whoever has no login may pull what is public', async () => {
        await push(`${host}/public/image:1`, image, { credentials })
        await pull(`${host}/public/image:1`, image)
      })
  })

describe('by https', { skip }, async () => {
  const registry = skip === false ? await startDebianRegistry({ login: 'basic', tls: true }) : undefined
  const host = registry?.host ?? ''
  after(() => registry?.close())

  test('with its authority it is trusted', async () => {
    const options = { credentials, endpoint: { insecure: false, tls: { ca: [certificates().authority.cert] } } }
    await push(`${host}/a/b:1`, image, options)
    await pull(`${host}/a/b:1`, image, options)
  })

  test('without it it is not', async () => {
    const source = sourceOf(`${host}/a/b:1`, { limits, endpoint: { insecure: false } })
    await refused(source.document(), 'unavailable', 'its certificate is not trusted')
    await source.close()
  })
})
