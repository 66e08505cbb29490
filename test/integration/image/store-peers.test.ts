/** The store is an OCI layout: skopeo and umoci read it as it is, and what they put into it is an image. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { digestOf } from '../../../image/digest.ts'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { descriptorOf, imageOf, indexOf, writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'
import { ALPINE, BUSYBOX, putContent, putImage, smallImage, withStore } from '../../support/store.ts'

const run = (...[program, ...args]: readonly [string, ...string[]]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const withFolder = async (use: (folder: string) => Promise<void> | void): Promise<void> => {
  const folder = mkdtempSync(`${tmpdir()}/wherry-store-peer-`)
  try {
    await use(folder)
  } finally {
    await removeTree(folder)
  }
}

test('skopeo inspects and copies out of it', { skip: requires('skopeo') }, () =>
  withStore((store) =>
    withFolder(async (folder) => {
      const image = await smallImage('one')
      await putContent(store, image)
      await store.blobs.put(Buffer.from('{}'), digestOf(Buffer.from('{}')))
      await store.images.put(ALPINE, descriptorOf(image.document), { digest: digestOf(Buffer.from('{}')) })
      await putImage(store, BUSYBOX, await smallImage('two'))
      const digestName = `docker.io/library/alpine@${image.document.digest}`
      await store.images.put(digestName, descriptorOf(image.document))
      for (const name of [ALPINE, digestName]) {
        const inspected = JSON.parse(run('skopeo', 'inspect', `oci:${store.root}:${name}`))
        assert.deepEqual(
          [inspected.Digest, inspected.Layers],
          [image.document.digest, image.layers.map(({ descriptor }) => descriptor.digest)],
        )
      }
      run('skopeo', 'copy', `oci:${store.root}:${ALPINE}`, `dir:${folder}/dir`)
      assert.equal(digestOf(readFileSync(`${folder}/dir/manifest.json`)), image.document.digest)
    }),
  ),
)

test('umoci unpacks out of it', { skip: requires('umoci', 'root') }, () =>
  withStore((store) =>
    withFolder(async (folder) => {
      const image = await imageOf({
        layers: [
          [{ name: 'etc/' }, { name: 'etc/motd', content: 'hello' }],
          [{ name: 'etc/.wh.motd' }, { name: 'etc/more', content: 'more' }],
        ],
      })
      await putImage(store, ALPINE, image)
      run('umoci', 'unpack', '--image', `${store.root}:${ALPINE}`, `${folder}/bundle`)
      assert.equal(readFileSync(`${folder}/bundle/rootfs/etc/more`, 'utf8'), 'more')
      assert.deepEqual((await store.check()).findings, [])
    }),
  ),
)

test('what skopeo copies into it is an image, and stays one', { skip: requires('skopeo') }, () =>
  withStore((store) =>
    withFolder(async (folder) => {
      const [one, two] = [await smallImage('one'), await smallImage('two')]
      writeLayout(`${folder}/other`, { one, two })
      await putImage(store, ALPINE, one)
      run('skopeo', 'copy', `oci:${folder}/other:two`, `oci:${store.root}:mine:1`)
      assert.equal(store.images.find('mine:1')?.id, two.config.descriptor.digest)
      assert.equal(store.images.find(ALPINE)?.id, one.config.descriptor.digest)
      await store.collect({ age: 0 })
      const { findings, images, blobs } = await store.check()
      assert.deepEqual([findings, images, blobs], [[], 2, 8])
      // the name moves, written short and in full
      run('skopeo', 'copy', `oci:${folder}/other:two`, `oci:${store.root}:alpine:3.19`)
      assert.equal(store.images.find('alpine:3.19')?.id, two.config.descriptor.digest)
      await putImage(store, ALPINE, one)
      assert.equal(store.images.find('alpine:3.19')?.id, one.config.descriptor.digest)
      assert.deepEqual((await store.images.remove('mine:1')).untagged, ['docker.io/library/mine:1'])
      assert.deepEqual(JSON.parse(run('skopeo', 'inspect', `oci:${store.root}:${ALPINE}`)).Digest, one.document.digest)
    }),
  ),
)

test('an index that skopeo copies is the image of this machine', { skip: requires('skopeo') }, () =>
  withStore((store) =>
    withFolder(async (folder) => {
      const here = await smallImage('here')
      const other = await imageOf({ layers: [[{ name: 'x' }]], platform: { os: 'linux', architecture: 's390x' } })
      writeLayout(`${folder}/other`, { all: indexOf([other, here]) })
      run('skopeo', 'copy', '--all', `oci:${folder}/other:all`, `oci:${store.root}:all:1`)
      assert.equal(store.images.find('all:1')?.id, here.config.descriptor.digest)
      await store.collect({ age: 0 })
      assert.deepEqual((await store.check()).findings, [])
    }),
  ),
)

test('umoci tags in it', { skip: requires('umoci') }, () =>
  withStore(async (store) => {
    await putImage(store, ALPINE, await smallImage('one'))
    run('umoci', 'tag', '--image', `${store.root}:${ALPINE}`, 'second')
    assert.deepEqual(
      store.images.list().map(({ name }) => name),
      [ALPINE, 'docker.io/library/second:latest'],
    )
  }),
)
