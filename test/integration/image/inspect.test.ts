/** Looking into images that are in the store, and into the same ones while they are elsewhere; their root file systems as archives. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { exportImage } from '../../../image/archive/export.ts'
import { importSource } from '../../../image/archive/import.ts'
import { loadImages } from '../../../image/archive/load.ts'
import { openArchive } from '../../../image/archive/open-archive.ts'
import { openSource } from '../../../image/archive/open-source.ts'
import { pushImage } from '../../../image/archive/push.ts'
import { saveImages } from '../../../image/archive/save.ts'
import { diffLayers } from '../../../image/inspect/diff.ts'
import { feedBlob } from '../../../image/inspect/feed.ts'
import { filesOf, type LayerFile } from '../../../image/inspect/files.ts'
import { historyRows } from '../../../image/inspect/history.ts'
import { imageOfSource, imageOfStore, type InspectedImage } from '../../../image/inspect/image.ts'
import { inspectImage } from '../../../image/inspect/inspect.ts'
import { LayerTree } from '../../../image/inspect/layer-tree.ts'
import { readLayers, reportLayers } from '../../../image/inspect/report.ts'
import { walkLayer } from '../../../image/inspect/walk.ts'
import { wasted } from '../../../image/inspect/wasted.ts'
import { pull } from '../../../image/pull/pull.ts'
import { parseReference } from '../../../image/reference.ts'
import type { ImageSource } from '../../../image/source.ts'
import type { Store } from '../../../image/store/types.ts'
import { imageOf, noise, type TarEntry, type TestImage, writeLayout } from '../../support/images.ts'
import { targetOf } from '../../support/registry/client.ts'
import { startRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'
import { withStore } from '../../support/store.ts'
import { type Tools, tools } from '../../support/tools.ts'

const skip = requires('root')

const LAYERS: readonly (readonly TarEntry[])[] = [
  [
    { name: './' },
    { name: 'etc/' },
    { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n' },
    { name: 'etc/old', content: 'old' },
    { name: 'tmp/', mode: 0o1777 },
    { name: 'usr/' },
    { name: 'usr/bin/' },
    { name: 'usr/bin/tool', content: noise(20_000), mode: 0o755, mtime: 1_600_000_000, pax: { 'SCHILY.xattr.user.x': 'y' } },
    { name: 'usr/bin/alias', type: 'link', linkname: 'usr/bin/tool' },
    { name: 'usr/lib/' },
    { name: 'usr/lib/a', content: noise(5000, 2), pax: { mtime: '1600000000.123456789' } },
    { name: 'lib', type: 'symlink', linkname: 'usr/lib', mode: 0o777 },
    { name: 'cache/' },
    { name: 'cache/1', content: noise(3000, 3) },
    { name: 'cache/2', content: noise(3000, 4) },
    { name: 'dev/' },
    { name: 'dev/null', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 },
    { name: 'dev/pipe', type: 'fifo' },
    { name: 'opaque/' },
    { name: 'opaque/lower', content: 'lower' },
  ],
  [
    { name: 'etc/' },
    { name: 'etc/.wh.old' },
    { name: 'tmp/f', content: 'f' },
    // without an entry for lib, which is a link below
    { name: 'lib/y', content: 'y' },
    { name: 'usr/bin/tool', content: noise(20_000), mode: 0o700, mtime: 1_600_000_000, pax: { 'SCHILY.xattr.user.x': 'y' } },
    { name: '.wh.cache' },
    { name: 'opaque/' },
    { name: 'opaque/.wh..wh..opq' },
    { name: 'opaque/upper', content: 'upper' },
  ],
  [
    { name: 'srv/' },
    { name: 'srv/data', content: Buffer.alloc(200_000) },
    { name: 'dev/.wh.pipe' },
    // its file is two layers below
    { name: 'srv/passwd', type: 'link', linkname: 'etc/passwd' },
  ],
]

const HISTORY = [
  { created: '2024-01-01T00:00:00Z', created_by: 'ADD rootfs' },
  { created: '2024-01-01T00:00:01Z', created_by: 'ENV A=1', empty_layer: true },
  { created: '2024-01-01T00:00:02Z', created_by: 'RUN chmod 700 /usr/bin/tool', comment: 'a copy' },
  { created: '2024-01-01T00:00:03Z', created_by: 'COPY data /srv' },
]

const make = (layers = LAYERS): Promise<TestImage> =>
  imageOf({ layers, history: HISTORY.slice(0, layers.length + 1), config: { Cmd: ['/bin/sh'], Env: ['A=1'], Labels: { l: 'v' } } })

const sourceOf = async (t: TestContext, box: Tools, image: TestImage, name: string): Promise<ImageSource> => {
  writeLayout(box.path(`layout-${name}`), { [name]: image })
  const { source } = await openSource(`oci:${box.path(`layout-${name}`)}`, { temporary: box.folder, registry: () => assert.fail() })
  t.after(() => source.close())
  return source
}

const bring = async (source: ImageSource, store: Store, name: string): Promise<InspectedImage> => {
  await pull(source, store, { reference: parseReference(name) })
  return imageOfStore(store, store.images.find(name)!)
}

test('an unpacked image and the same one as streams are the same to look at', { skip }, (t) =>
  withStore(async (store) => {
    const box = tools(t)
    const source = await sourceOf(t, box, await make(), 'x')
    const unpacked = await bring(source, store, 'x')
    assert.ok(unpacked.layers.every(({ root }) => root !== undefined && existsSync(root)))
    const streamed = await imageOfSource(source)
    const [walked, read] = [await readLayers(unpacked), await readLayers(streamed)]
    const { name: _, ...report } = reportLayers(unpacked, walked)
    const { name: __, ...remote } = reportLayers(streamed, read)
    assert.deepEqual(report, remote)
    assert.deepEqual(wasted(walked), wasted(read))
    for (let layer = 0; layer < 3; layer++) {
      const rows = (tree: LayerTree): unknown[] => [...filesOf(tree, layer)].filter(({ path }) => path !== '')
      assert.deepEqual(rows(walked), rows(read), `layer ${layer}`)
    }
    assert.deepEqual(
      report.layers.map(({ command, comment, added, changed, removed, wasted: waste }) => [
        command,
        comment,
        added.files,
        changed.files,
        removed.files,
        waste,
      ]),
      [
        ['ADD rootfs', undefined, 11, 0, 0, 3 + 6000 + 5],
        ['RUN chmod 700 /usr/bin/tool', 'a copy', 3, 1, 4, 0],
        ['COPY data /srv', undefined, 2, 0, 1, 0],
      ],
    )
    const found: string[] = []
    for await (const { change, path } of diffLayers(unpacked.layers, streamed.layers)) found.push(`${change} ${path}`)
    assert.deepEqual(found, [])
  }),
)

test('two images that share their base, one of them remote', { skip }, (t) =>
  withStore(async (store) => {
    const box = tools(t)
    const base = await bring(await sourceOf(t, box, await make(LAYERS.slice(0, 1)), 'base'), store, 'base')
    const whole = await imageOfSource(await sourceOf(t, box, await make(), 'whole'))
    const found: string[] = []
    for await (const { change, path, differences } of diffLayers(base.layers, whole.layers))
      found.push([change, path, ...differences].join(' '))
    assert.deepEqual(found, [
      'removed cache',
      'removed cache/1',
      'removed cache/2',
      'removed dev/pipe',
      'removed etc/old',
      'removed opaque/lower',
      'added opaque/upper',
      'added srv',
      'added srv/data',
      'added srv/passwd',
      'added tmp/f',
      'changed usr/bin/tool mode',
      'added usr/lib/y',
    ])
  }),
)

test('inspect and history have the fields of docker', { skip }, (t) =>
  withStore(async (store) => {
    const box = tools(t)
    const image = await make()
    const inspected = await bring(await sourceOf(t, box, image, 'x'), store, 'x:1')
    const value = inspectImage(inspected, store.images.list())
    assert.equal(value.Id, image.config.descriptor.digest)
    assert.deepEqual(value.RepoTags, ['x:1'])
    assert.deepEqual(value.RepoDigests, [`x@${image.document.digest}`])
    assert.deepEqual(value.Config, { Cmd: ['/bin/sh'], Env: ['A=1'], Labels: { l: 'v' } })
    assert.equal(value.GraphDriver.Data['LowerDir']!.split(':').length, 2)
    assert.equal(
      value.Size,
      inspected.layers.reduce((sum, { unpackedSize }) => sum + unpackedSize!, 0),
    )
    const rows = historyRows(inspected, ['x:1'])
    assert.deepEqual(
      rows.map(({ id, createdBy, layer }) => [id === '<missing>' ? id : 'id', createdBy, layer?.diffID]),
      [
        ['id', 'COPY data /srv', image.layers[2]!.diffID],
        ['<missing>', 'RUN chmod 700 /usr/bin/tool', image.layers[1]!.diffID],
        ['<missing>', 'ENV A=1', undefined],
        ['<missing>', 'ADD rootfs', image.layers[0]!.diffID],
      ],
    )
  }),
)

/** All that can be compared of a root file system. */
const listing = (tree: LayerTree): Omit<LayerFile, 'marker'>[] =>
  [...filesOf(tree, 0)].filter(({ path }) => path !== '').map(({ marker: _, ...row }) => row)

const archived = async (path: string): Promise<LayerTree> => {
  const tree = new LayerTree()
  const bytes = createReadStream(path) as AsyncIterable<Uint8Array>
  await feedBlob(tree, 0, { name: path, mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes }, {})
  return tree
}

const walked = (root: string): LayerTree => {
  const tree = new LayerTree()
  walkLayer(tree, 0, { root, implied: [], links: [] })
  return tree
}

describe('export', () => {
  test('is the root file system that umoci unpacks', { skip: requires('root', 'umoci') }, (t) =>
    withStore(async (store) => {
      const box = tools(t)
      await bring(await sourceOf(t, box, await make(), 'x'), store, 'x')
      const exported = await exportImage(store, 'x', { output: box.path('x.tar') })
      assert.deepEqual(exported.skipped, [])
      await box.umoci('raw', 'unpack', '--image', `${box.path('layout-x')}:x`, box.path('rootfs'))
      const times = (rows: Omit<LayerFile, 'marker'>[]): unknown[] =>
        rows.map(({ mtime, type, ...row }) => (type === 'directory' ? { ...row, type } : { ...row, type, mtime }))
      assert.deepEqual(times(listing(await archived(box.path('x.tar')))), times(listing(walked(box.path('rootfs')))))
    }),
  )

  test('is read by tar, with its holes', { skip }, (t) =>
    withStore(async (store) => {
      const box = tools(t)
      mkdirSync(box.path('in'))
      mkdirSync(box.path('out'))
      execFileSync(
        'sh',
        ['-c', 'truncate -s 3000000 sparse; printf x | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none; echo hi > small'],
        {
          cwd: box.path('in'),
        },
      )
      execFileSync('tar', ['-C', box.path('in'), '-S', '-cf', box.path('in.tar'), '.'])
      const source = await importSource(box.path('in.tar'), { temporary: box.folder })
      await pull(source, store, { reference: parseReference('holes') })
      await source.close()
      const { bytes } = await exportImage(store, 'holes', { output: box.path('out.tar') })
      assert.ok(bytes < 200_000, `the archive has ${bytes} bytes: the holes are written out`)
      execFileSync('tar', ['-C', box.path('out'), '-xf', box.path('out.tar')])
      execFileSync('cmp', [box.path('in/sparse'), box.path('out/sparse')])
      assert.deepEqual(listing(await archived(box.path('out.tar'))), listing(walked(box.path('out'))))
    }),
  )
})

describe('import', () => {
  for (const [packing, command] of [
    ['plain', 'cat'],
    ['gzip', 'gzip -c'],
    ['zstd', 'zstd -qc'],
  ] as const)
    test(`a ${packing} root file system`, { skip }, (t) =>
      withStore(async (store) => {
        const box = tools(t)
        mkdirSync(box.path('root'))
        writeFileSync(box.path('root/file'), 'content')
        execFileSync('sh', ['-c', `tar -C ${box.path('root')} -cf - . | ${command} > ${box.path('packed')}`])
        const source = await importSource(box.path('packed'), {
          temporary: box.folder,
          message: 'mine',
          changes: ['CMD ["/file"]', 'ENV A=1 B="2 3"', 'LABEL x y', 'EXPOSE 80', 'WORKDIR /srv'],
        })
        const { config, manifest } = await pull(source, store, { reference: parseReference('imported') })
        await source.close()
        assert.deepEqual(config.config, {
          Cmd: ['/file'],
          Env: ['A=1', 'B=2 3'],
          Labels: { x: 'y' },
          ExposedPorts: ['80/tcp'],
          WorkingDir: '/srv',
        })
        assert.equal(config.history[0]!.comment, 'mine')
        assert.equal(manifest.layers.length, 1)
        const { layers } = await imageOfStore(store, store.images.find('imported')!)
        assert.deepEqual(
          [...filesOf(await readLayers({ layers } as InspectedImage), 0)].map(({ path }) => path),
          ['', 'file'],
        )
      }),
    )

  test('what is no archive, or compressed otherwise, is said so', { skip }, async (t) => {
    const box = tools(t)
    writeFileSync(box.path('text'), 'no archive\n'.repeat(1000))
    writeFileSync(box.path('xz'), Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2, 3]))
    writeFileSync(box.path('empty'), '')
    const bad = (name: string): Promise<ImageSource> => importSource(box.path(name), { temporary: box.folder })
    await assert.rejects(bad('text'), { kind: 'invalid-argument', message: /\/text: / })
    await assert.rejects(bad('xz'), { kind: 'unsupported', message: /compressed with xz/ })
    await assert.rejects(bad('empty'), { kind: 'invalid-argument' })
    await assert.rejects(bad('nothing'), { kind: 'not-found', message: /there is no such file/ })
    await assert.rejects(importSource(box.path('text'), { temporary: box.folder, changes: ['FROM x'] }), { kind: 'invalid-argument' })
  })
})

test('what was saved loads as it was', { skip }, async (t) => {
  const box = tools(t)
  await withStore(async (store) => {
    await bring(await sourceOf(t, box, await make(), 'x'), store, 'x:1')
    await bring(await sourceOf(t, box, await make(LAYERS.slice(0, 2)), 'y'), store, 'y:1')
    const { descriptor } = store.images.find('x:1')!
    await store.images.put('docker.io/library/x:again', descriptor)
    for (const format of ['docker-archive', 'oci-archive'] as const)
      await saveImages(store, ['x:1', 'y:1', 'x:again'], { format, output: box.path(format) })
    for (const format of ['docker-archive', 'oci-archive'] as const)
      await withStore(async (other) => {
        const archive = await openArchive(box.path(format), { temporary: box.folder })
        const loaded = await loadImages(other, archive, {
          bring: (source, reference) => pull(source, other, reference === undefined ? {} : { reference }),
        })
        archive.close()
        assert.deepEqual(
          loaded.map(({ names, image: { id } }) => [names, id]),
          [
            [['docker.io/library/x:1', 'docker.io/library/x:again'], store.images.find('x:1')!.id],
            [['docker.io/library/y:1'], store.images.find('y:1')!.id],
          ],
        )
        assert.deepEqual(
          other.images
            .list()
            .map(({ name }) => name)
            .sort(),
          store.images
            .list()
            .map(({ name }) => name)
            .sort(),
        )
      })
  })
})

test('a push keeps the manifest as it is, and sends what is missing', { skip }, async (t) => {
  const registry = await startRegistry()
  t.after(() => registry.close())
  const box = tools(t)
  await withStore(async (store) => {
    const image = await make()
    await bring(await sourceOf(t, box, image, 'x'), store, 'x:1')
    const copied = await pushImage(store, 'x:1', targetOf(`${registry.host}/a/b:1`))
    assert.equal(copied.digest, image.document.digest)
    assert.equal(registry.log(/^PUT .*\/blobs\//).length, 4)
    const states: string[] = []
    await pushImage(store, 'x:1', targetOf(`${registry.host}/a/b:2`), { onProgress: ({ state }) => states.push(state) })
    assert.deepEqual(states, ['there', 'there', 'there', 'there'])
  })
})
