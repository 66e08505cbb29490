/** A disk that is full or read-only: a clear error, and the store whole. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { describe, test } from 'node:test'
import { storeError } from '../../../image/store/errors.ts'
import { openStore } from '../../../image/store/store.ts'
import { MOUNT_ATTR_RDONLY } from '../../../runtime/sys/abi/mount.ts'
import { AT_EMPTY_PATH } from '../../../runtime/sys/abi/fcntl.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { blobOf, descriptorOf, noise } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'
import { ALPINE, BUSYBOX, FACTS, identitiesOf, putBlob, putContent, putImage, smallImage, useImage } from '../../support/store.ts'
import { withTmpfs } from '../../support/tmpfs.ts'

/** Takes all that is left. */
const fill = (path: string): void => {
  for (let size = 1 << 20; size >= 1; size = Math.floor(size / 2))
    for (;;)
      try {
        writeFileSync(`${path}/filler-${size}`, Buffer.alloc(size), { flag: 'a' })
      } catch {
        break
      }
}
const empty = (path: string): void => {
  for (const name of readdirSync(path)) if (name.startsWith('filler-')) rmSync(`${path}/${name}`)
}

const FULL = { kind: 'resource-exhausted', message: /: ENOSPC \(the disk is full: `wherry system df` shows what takes the space/ }

describe('a disk that is full', { skip: requires('root') }, () => {
  test('everything that writes says so; afterwards it is as it was, and goes on', () =>
    withTmpfs(4 << 20, async (path) => {
      const store = openStore(`${path}/store`)
      await putImage(store, BUSYBOX, await smallImage('two'))
      const image = await smallImage('one')
      await putContent(store, image)
      const blob = blobOf(noise(100_000), 'application/x')
      const started = (await store.blobs.ingest(blob.descriptor))!
      writeSync(started.fd, blob.bytes.subarray(0, 4096))
      // its block would be free for the next one
      rmSync(`${store.root}/index.json.previous`)
      fill(path)
      assert.throws(() => writeSync(started.fd, blob.bytes.subarray(4096)), { code: 'ENOSPC' })
      started.suspend()
      const document = blobOf('{"a":1}', 'application/json')
      await assert.rejects(store.blobs.put(document.bytes, document.descriptor.digest), FULL)
      await assert.rejects(store.images.put(ALPINE, descriptorOf(image.document)), FULL)
      await assert.rejects(useImage(store, BUSYBOX, 'container:a'), FULL)
      const [identity] = identitiesOf(await smallImage('three'))
      await assert.rejects(
        (async () => {
          const ingest = (await store.layers.begin(identity!))!
          try {
            await ingest.commit(FACTS)
          } finally {
            await ingest.discard()
          }
        })(),
        { kind: 'resource-exhausted' },
      )
      assert.deepEqual((await store.check()).findings, [])
      assert.deepEqual(
        store.images.list().map(({ name }) => name),
        [BUSYBOX],
      )
      assert.equal(store.layers.find(identity!), undefined)
      // removing needs no room, except for the new index.json
      empty(path)
      assert.deepEqual(readdirSync(`${store.root}/ingest`).length, 1)
      await putBlob(store, blob)
      await store.images.put(ALPINE, descriptorOf(image.document))
      await useImage(store, BUSYBOX, 'container:a')
      assert.deepEqual((await store.check()).findings, [])
    }))
})

describe('a disk that is read-only', { skip: requires('root') }, () => {
  test('a store can be read, and says why it cannot be written', () =>
    withTmpfs(4 << 20, async (path) => {
      const image = await smallImage('one')
      await putImage(openStore(`${path}/store`), ALPINE, image)
      const fd = Number(path.split('/').at(-1))
      const attributes = Buffer.alloc(32)
      attributes.writeBigUInt64LE(BigInt(MOUNT_ATTR_RDONLY))
      syscall('mount_setattr', [fd, '', AT_EMPTY_PATH, attributes, attributes.length])
      const store = openStore(`${path}/store`)
      assert.equal(store.images.find(ALPINE)?.id, image.config.descriptor.digest)
      assert.deepEqual((await store.check()).findings, [])
      const refused = { kind: 'failed-precondition', message: /EROFS \(the file system is read-only/ }
      await assert.rejects(store.images.remove(ALPINE), refused)
      await assert.rejects(store.collect(), refused)
      await assert.rejects(store.lease(), refused)
      assert.throws(() => openStore(`${path}/other`), refused)
      assert.ok(!existsSync(`${path}/other`))
      const readonly = openStore(`${path}/store`, { readonly: true })
      assert.deepEqual((await readonly.check()).whole, true)
      assert.deepEqual((await readonly.usage()).images.length, 1)
    }))

  test('a quota says so too', () => {
    const error = storeError(Object.assign(new Error('x'), { code: 'EDQUOT' }), 'store /x: writing')
    assert.equal(
      error.message,
      'store /x: writing: EDQUOT (the disk quota is used up: `wherry system df` shows what takes the space, `wherry image prune` frees some)',
    )
  })
})
