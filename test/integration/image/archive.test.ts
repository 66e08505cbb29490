/** Images between the store and archives, ours and those of skopeo, podman, buildah and umoci. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type Archive, chooseImage } from '../../../image/archive/archive.ts'
import { copyImage } from '../../../image/archive/copy.ts'
import { type ArchiveFormat, openArchive } from '../../../image/archive/open-archive.ts'
import { openSource } from '../../../image/archive/open-source.ts'
import { openWriter } from '../../../image/archive/open-writer.ts'
import { saveImages } from '../../../image/archive/save.ts'
import type { Digest } from '../../../image/digest.ts'
import type { ImageSource } from '../../../image/source.ts'
import { parseImageConfig } from '../../../image/spec/config.ts'
import { parseManifest } from '../../../image/spec/manifest.ts'
import { imageOf, type TestImage, writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'
import { ALPINE, BUSYBOX, putImage, smallImage, withStore } from '../../support/store.ts'
import { type Tools, tools } from '../../support/tools.ts'
import { collect, verified } from '../../../image/archive/verified.ts'

const FORMATS: readonly ArchiveFormat[] = ['docker-archive', 'oci-archive', 'oci-dir', 'docker-dir']
const TRANSPORTS: Readonly<Record<ArchiveFormat, string>> = {
  'docker-archive': 'docker-archive',
  'oci-archive': 'oci-archive',
  'oci-dir': 'oci',
  'docker-dir': 'dir',
}

const noRegistry = (): never => assert.fail('no registry is asked')

interface Read {
  readonly manifest: Digest
  readonly id: Digest
  readonly diffIDs: readonly Digest[]
}

/** Reads all of it, and checks every digest. */
const readAll = async (source: ImageSource): Promise<Read> => {
  const document = await source.document()
  const { config, layers } = parseManifest(document)
  for (const layer of layers) for await (const _ of verified(source.blob(layer), layer, source.name));
  const bytes = await collect(verified(source.blob(config), config, source.name), 1e6, source.name)
  return { manifest: document.digest, id: config.digest, diffIDs: parseImageConfig(bytes).rootfs.diff_ids }
}

const readText = async (text: string, { folder }: Tools): Promise<Read> => {
  const { source } = await openSource(text, { temporary: folder, registry: noRegistry })
  try {
    return await readAll(source)
  } finally {
    await source.close()
  }
}

const open = async (t: TestContext, where: string | number, { folder }: Tools): Promise<Archive> => {
  const archive = await openArchive(where, { temporary: folder })
  t.after(() => archive.close())
  return archive
}

const idOf = (image: TestImage): Digest => image.config.descriptor.digest
const diffIDsOf = (image: TestImage): Digest[] => image.layers.map(({ diffID }) => diffID)

describe('save', () => {
  for (const format of FORMATS)
    test(`${format}: skopeo reads it, and so do we`, { skip: requires('skopeo') }, (t) =>
      withStore(async (store) => {
        const box = tools(t)
        const image = await imageOf({
          layers: [[{ name: 'etc/' }, { name: 'etc/a', content: 'a' }], [{ name: 'b', content: 'b' }]],
          compression: 'zstd',
        })
        await putImage(store, ALPINE, image)
        const saved = await saveImages(store, ['alpine:3.19'], { format, output: box.path('saved') })
        assert.deepEqual(saved.images, [{ id: idOf(image), names: [ALPINE] }])
        const text = `${TRANSPORTS[format]}:${box.path('saved')}`
        const read = await readText(text, box)
        assert.equal(read.id, idOf(image))
        assert.deepEqual(read.diffIDs, diffIDsOf(image))
        if (format !== 'docker-archive') assert.equal(read.manifest, image.document.digest)
        await box.skopeo('copy', text, `dir:${box.path('copy')}`)
        assert.equal((await readText(`dir:${box.path('copy')}`, box)).id, idOf(image))
      }),
    )

  test('the same images make the same bytes, in a file and through a pipe', (t) =>
    withStore(async (store) => {
      const box = tools(t)
      await putImage(store, ALPINE, await smallImage('one'))
      await putImage(store, BUSYBOX, await smallImage('two', ['base of one', 'top of two']))
      for (const format of ['docker-archive', 'oci-archive'] as const) {
        const save = (output: string | number): Promise<unknown> => saveImages(store, [ALPINE, BUSYBOX], { format, output })
        await save(box.path('first'))
        await save(box.path('second'))
        const fd = openSync(box.path('third'), 'w')
        await save(fd)
        closeSync(fd)
        const first = readFileSync(box.path('first'))
        assert.ok(first.equals(readFileSync(box.path('second'))))
        assert.ok(first.equals(readFileSync(box.path('third'))))
      }
    }))

  test('a layer that two images share is in the archive once', (t) =>
    withStore(async (store) => {
      const box = tools(t)
      const one = await putImage(store, ALPINE, await smallImage('one'))
      const two = await putImage(store, BUSYBOX, await smallImage('two', ['base of one', 'top of two']))
      await store.images.put('docker.io/library/alpine:latest', one.descriptor)
      await saveImages(store, [ALPINE, BUSYBOX, 'alpine:latest'], { output: box.path('saved') })
      const archive = await open(t, box.path('saved'), box)
      assert.deepEqual(
        archive.images.map(({ names }) => names),
        [[ALPINE, 'docker.io/library/alpine:latest'], [BUSYBOX]],
      )
      const files = execFileSync('tar', ['-tf', box.path('saved')], { encoding: 'utf8' })
        .trim()
        .split('\n')
      assert.equal(files.filter((name) => name.endsWith('.tar')).length, 3)
      assert.equal((await readAll(chooseImage(archive, 'busybox').source())).id, two.id)
    }))

  test('podman loads all of them', { skip: requires('root', 'podman') }, (t) =>
    withStore(async (store) => {
      const box = tools(t)
      const one = await putImage(store, ALPINE, await smallImage('one'))
      const two = await putImage(store, BUSYBOX, await smallImage('two', ['base of one', 'top of two']))
      await saveImages(store, [ALPINE, BUSYBOX], { output: box.path('saved') })
      await box.podman('load', '-q', '-i', box.path('saved'))
      const ids = await box.podman('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')
      assert.deepEqual(ids.trim().split('\n').sort(), [`${ALPINE} ${one.id}`, `${BUSYBOX} ${two.id}`])
      await saveImages(store, [ALPINE], { format: 'oci-archive', output: box.path('oci') })
      await box.podman('rmi', '-a', '-f')
      await box.podman('load', '-q', '-i', box.path('oci'))
      assert.equal((await box.podman('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).trim(), `${ALPINE} ${one.id}`)
    }),
  )

  test('what is not there is said before anything is written', (t) =>
    withStore(async (store) => {
      const box = tools(t)
      await assert.rejects(saveImages(store, ['alpine'], { output: box.path('saved') }), {
        kind: 'not-found',
        message: /^alpine: there is no such image/,
      })
      assert.throws(() => readFileSync(box.path('saved')), { code: 'ENOENT' })
    }))

  test('a damaged blob leaves no archive', (t) =>
    withStore(async (store) => {
      const box = tools(t)
      const image = await smallImage('one')
      await putImage(store, ALPINE, image)
      const { digest, size } = image.layers[1]!.descriptor
      writeFileSync(`${store.root}/blobs/sha256/${digest.slice(7)}`, Buffer.alloc(size, 1))
      for (const format of FORMATS) {
        await assert.rejects(saveImages(store, [ALPINE], { format, output: box.path(format) }), {
          kind: 'data-loss',
          message: new RegExp(digest),
        })
        assert.throws(() => readFileSync(box.path(format)), { code: 'ENOENT' }, format)
      }
    }))
})

describe('archives of others', { skip: requires('root', 'skopeo', 'podman', 'buildah', 'umoci') }, () => {
  test("skopeo's", async (t) => {
    const box = tools(t)
    const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }], [{ name: 'b', content: 'b' }]] })
    writeLayout(box.path('oci'), { 'alpine:3.19': image })
    for (const transport of ['docker-archive', 'oci-archive', 'dir'] as const) {
      const name = transport === 'dir' ? '' : ':alpine:3.19'
      await box.skopeo('copy', `oci:${box.path('oci')}:alpine:3.19`, `${transport}:${box.path(transport)}${name}`)
      const read = await readText(`${transport}:${box.path(transport)}${name}`, box)
      assert.equal(read.id, idOf(image), transport)
      if (transport !== 'docker-archive') assert.equal(read.manifest, image.document.digest)
      const archive = await open(t, box.path(transport), box)
      assert.deepEqual(archive.images[0]!.names, transport === 'dir' ? [] : [ALPINE])
    }
  })

  test("podman's, several images in one, compressed, through a pipe", async (t) => {
    const box = tools(t)
    for (const name of ['one', 'two']) {
      mkdirSync(box.path(name))
      writeFileSync(box.path(`${name}/file`), name)
      execFileSync('tar', ['-C', box.path(name), '-cf', box.path(`${name}.tar`), '.'])
      await box.podman('import', '-q', box.path(`${name}.tar`), `localhost/${name}:1`)
    }
    const inspected = JSON.parse(await box.podman('image', 'inspect', 'localhost/one:1', 'localhost/two:1')) as {
      Id: string
      RootFS: { Layers: string[] }
    }[]
    await box.podman('save', '-q', '--multi-image-archive', '-o', box.path('both'), 'localhost/one:1', 'localhost/two:1')
    execFileSync('gzip', ['-k', box.path('both')])
    for (const path of ['both', 'both.gz']) {
      const archive = await open(t, box.path(path), box)
      assert.deepEqual(archive.images.flatMap(({ names }) => names).sort(), ['localhost/one:1', 'localhost/two:1'])
      for (const [at, name] of ['localhost/one:1', 'localhost/two:1'].entries()) {
        const read = await readAll(chooseImage(archive, name).source())
        assert.equal(read.id, `sha256:${inspected[at]!.Id}`)
        assert.deepEqual(read.diffIDs, inspected[at]!.RootFS.Layers)
      }
      assert.throws(() => chooseImage(archive, undefined), {
        kind: 'invalid-argument',
        message: /has 2 images, say which one .*localhost\/one:1.*localhost\/two:1/,
      })
      assert.throws(() => chooseImage(archive, 'three'), {
        kind: 'not-found',
        message: /has no "three"; there is: "localhost\/one:1"; "localhost\/two:1"/,
      })
    }
    const fd = openSync(box.path('both.gz'), 'r')
    const archive = await open(t, fd, box)
    closeSync(fd)
    assert.equal((await readAll(chooseImage(archive, '@1').source())).id, `sha256:${inspected[1]!.Id}`)
    await box.podman('save', '-q', '--format', 'oci-archive', '-o', box.path('oci'), 'localhost/one:1')
    assert.equal((await readText(`oci-archive:${box.path('oci')}`, box)).id, `sha256:${inspected[0]!.Id}`)
  })

  test("umoci's and buildah's", async (t) => {
    const box = tools(t)
    await box.umoci('init', '--layout', box.path('layout'))
    await box.umoci('new', '--image', `${box.path('layout')}:first`)
    mkdirSync(box.path('root'))
    writeFileSync(box.path('root/file'), 'content')
    await box.umoci('insert', '--image', `${box.path('layout')}:first`, box.path('root'), '/data')
    const read = await readText(`oci:${box.path('layout')}:first`, box)
    assert.equal(read.diffIDs.length, 1)
    const container = (await box.buildah('from', 'scratch')).trim()
    await box.buildah('copy', '-q', container, box.path('root'), '/')
    await box.buildah('commit', '-q', container, `oci-archive:${box.path('built')}:x:1`)
    await box.buildah('rm', container)
    assert.equal((await readText(`oci-archive:${box.path('built')}`, box)).diffIDs.length, 1)
  })
})

describe('copies', () => {
  test('from any format to any other, with the same digests', async (t) => {
    const box = tools(t)
    const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }], [{ name: 'b', content: 'b' }]] })
    writeLayout(box.path('start'), { 'x:1': image })
    let from = `oci:${box.path('start')}`
    for (const format of ['oci-archive', 'docker-dir', 'oci-dir', 'docker-archive', 'oci-archive'] as const) {
      const to = box.path(`${format}-${from.length}`)
      const { source } = await openSource(from, { temporary: box.folder, registry: noRegistry })
      const writer = openWriter(to, { format, temporary: box.folder })
      await copyImage(source, writer.image(['docker.io/library/x:1']))
      await writer.commit()
      await writer.close()
      await source.close()
      from = `${TRANSPORTS[format]}:${to}`
      assert.equal((await readText(from, box)).id, idOf(image), from)
    }
  })

  test('a second image goes into a layout that is there', async (t) => {
    const box = tools(t)
    const [one, two] = [await smallImage('one'), await smallImage('two')]
    await withStore(async (store) => {
      await putImage(store, ALPINE, one)
      await putImage(store, BUSYBOX, two)
      await saveImages(store, [ALPINE], { format: 'oci-dir', output: box.path('layout') })
      await saveImages(store, [BUSYBOX], { format: 'oci-dir', output: box.path('layout') })
      await saveImages(store, [ALPINE], { format: 'oci-dir', output: box.path('layout') })
    })
    const archive = await open(t, box.path('layout'), box)
    assert.deepEqual(archive.images.map(({ names }) => names[0]).sort(), [ALPINE, BUSYBOX])
    assert.equal((await readAll(chooseImage(archive, 'busybox').source())).id, idOf(two))
  })
})
