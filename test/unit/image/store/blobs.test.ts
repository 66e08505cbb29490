import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, test } from 'node:test'
import { type Digest, digestOf, encodedOf } from '../../../../image/digest.ts'
import type { Store } from '../../../../image/store/types.ts'
import { blobOf, noise } from '../../../support/images.ts'
import { namesIn, putBlob, withStore } from '../../../support/store.ts'

const pathOf = (store: Store, digest: Digest): string => `${store.root}/blobs/${digest.replace(':', '/')}`

describe('blobs', () => {
  test('documents are put once and read verified', () =>
    withStore(async (store) => {
      const bytes = Buffer.from('{}')
      for (const digest of [digestOf(bytes), digestOf(bytes, 'sha512')]) {
        assert.equal(store.blobs.size(digest), undefined)
        assert.throws(() => store.blobs.read(digest), { kind: 'not-found', message: new RegExp(digest) })
        await store.blobs.put(bytes, digest)
        await store.blobs.put(bytes, digest)
        assert.deepEqual(Buffer.from(store.blobs.read(digest)), bytes)
        assert.ok(store.blobs.has(digest) && store.blobs.has(digest, 2) && !store.blobs.has(digest, 3))
        assert.equal(statSync(pathOf(store, digest)).mode & 0o777, 0o600)
      }
      assert.deepEqual(namesIn(store, 'ingest'), [])
    }))

  test('a document is not put under another digest', () =>
    withStore(async (store) => {
      const other = digestOf(Buffer.from('other'))
      await assert.rejects(store.blobs.put(Buffer.from('{}'), other), { kind: 'data-loss', message: /that is not their digest/ })
      assert.ok(!store.blobs.has(other))
    }))

  const CORRUPTIONS: Readonly<Record<string, (path: string) => void>> = {
    flipped: (path) => {
      const bytes = readFileSync(path)
      bytes[0]! ^= 1
      writeFileSync(path, bytes)
    },
    truncated: (path) => truncateSync(path, 1),
    empty: (path) => truncateSync(path, 0),
    'a link': (path) => {
      writeFileSync(`${path}x`, readFileSync(path))
      rmSync(path)
      symlinkSync(`${path}x`, path)
    },
    'a folder': (path) => {
      rmSync(path)
      mkdirSync(path)
    },
  }
  for (const [name, corrupt] of Object.entries(CORRUPTIONS))
    test(`one that is ${name} is refused, and replaced when it is put again`, () =>
      withStore(async (store) => {
        const { bytes, descriptor } = blobOf('{"a":1}', 'application/json')
        await store.blobs.put(bytes, descriptor.digest)
        corrupt(pathOf(store, descriptor.digest))
        assert.throws(() => store.blobs.read(descriptor.digest), { kind: 'data-loss', message: /wherry system check --repair/ })
        if (name === 'flipped') rmSync(pathOf(store, descriptor.digest))
        await putBlob(store, { bytes, descriptor })
        assert.deepEqual(Buffer.from(store.blobs.read(descriptor.digest)), bytes)
      }))

  test('what is larger than a document is not read into memory', () =>
    withStore(async (store) => {
      const blob = blobOf(Buffer.alloc(4 * 1024 * 1024 + 1), 'application/x')
      await putBlob(store, blob)
      assert.throws(() => store.blobs.read(blob.descriptor.digest), { kind: 'invalid-argument', message: /4194305 bytes/ })
      const fd = store.blobs.open(blob.descriptor.digest)
      assert.equal(readSync(fd, Buffer.alloc(8)), 8)
      closeSync(fd)
    }))
})

describe('ingest', () => {
  const blob = blobOf(noise(10_000), 'application/x')
  const { digest } = blob.descriptor

  test('goes on where an earlier one was suspended', () =>
    withStore(async (store) => {
      const first = (await store.blobs.ingest(blob.descriptor))!
      assert.equal(first.offset, 0)
      writeSync(first.fd, blob.bytes.subarray(0, 4000))
      first.suspend()
      first.suspend()
      const second = (await store.blobs.ingest(blob.descriptor))!
      assert.equal(second.offset, 4000)
      writeSync(second.fd, blob.bytes.subarray(4000))
      assert.ok(!store.blobs.has(digest))
      await second.commit()
      assert.ok(store.blobs.has(digest, 10_000))
      assert.deepEqual(readFileSync(pathOf(store, digest)), blob.bytes)
      assert.equal(await store.blobs.ingest(blob.descriptor), undefined)
      assert.deepEqual(namesIn(store, 'ingest'), [])
    }))

  test('leaves nothing where nothing was written, or what was written is wrong', () =>
    withStore(async (store) => {
      ;(await store.blobs.ingest(blob.descriptor))!.suspend()
      assert.deepEqual(namesIn(store, 'ingest'), [])
      const wrong = (await store.blobs.ingest(blob.descriptor))!
      writeSync(wrong.fd, noise(10_000, 2))
      wrong.discard()
      wrong.discard()
      assert.deepEqual(namesIn(store, 'ingest'), [])
    }))

  test('begins anew where there is more than the blob has', () =>
    withStore(async (store) => {
      writeFileSync(`${store.root}/ingest/sha256-${encodedOf(digest)}`, noise(10_001))
      const ingest = (await store.blobs.ingest(blob.descriptor))!
      assert.equal(ingest.offset, 0)
      writeSync(ingest.fd, blob.bytes)
      await ingest.commit()
      assert.deepEqual(readFileSync(pathOf(store, digest)), blob.bytes)
    }))

  test('one of another size is not committed, and kept', () =>
    withStore(async (store) => {
      const ingest = (await store.blobs.ingest(blob.descriptor))!
      writeSync(ingest.fd, blob.bytes.subarray(0, 9_999))
      await assert.rejects(ingest.commit(), { kind: 'data-loss', message: /10000 bytes, 9999 were written/ })
      assert.ok(!store.blobs.has(digest))
      assert.equal((await store.blobs.ingest(blob.descriptor))!.offset, 9_999)
    }))

  test('the second waits for the first, sees how far it is, and gets nothing to do', () =>
    withStore(async (store) => {
      const first = (await store.blobs.ingest(blob.descriptor))!
      const sizes: number[] = []
      const waited = Promise.withResolvers<void>()
      const second = store.blobs.ingest(blob.descriptor, {
        onWait: (size) => {
          sizes.push(size)
          if (size > 0) waited.resolve()
        },
      })
      writeSync(first.fd, blob.bytes)
      await waited.promise
      await first.commit()
      assert.equal(await second, undefined)
      assert.deepEqual(sizes, [0, 10_000])
    }))

  test('the second takes over where the first gives up', () =>
    withStore(async (store) => {
      const first = (await store.blobs.ingest(blob.descriptor))!
      writeSync(first.fd, blob.bytes.subarray(0, 5_000))
      const waited = Promise.withResolvers<void>()
      const second = store.blobs.ingest(blob.descriptor, { onWait: () => waited.resolve() })
      await waited.promise
      first.suspend()
      assert.equal((await second)!.offset, 5_000)
    }))

  test('a wait ends when it is broken off', () =>
    withStore(async (store) => {
      const first = (await store.blobs.ingest(blob.descriptor))!
      const abort = new AbortController()
      const second = store.blobs.ingest(blob.descriptor, { signal: abort.signal, onWait: () => abort.abort(new Error('enough')) })
      await assert.rejects(second, { message: 'enough' })
      first.discard()
    }))

  test('of ten at once one works', () =>
    withStore(async (store) => {
      const brought = await Promise.all(
        Array.from({ length: 10 }, async () => {
          const ingest = await store.blobs.ingest(blob.descriptor)
          if (ingest === undefined) return 0
          writeSync(ingest.fd, blob.bytes.subarray(ingest.offset))
          await ingest.commit()
          return 1
        }),
      )
      assert.equal(
        brought.reduce((sum: number, one) => sum + one, 0),
        1,
      )
      assert.deepEqual(namesIn(store, 'ingest'), [])
    }))

  for (const [name, plant] of Object.entries({
    link: (path: string, canary: string) => symlinkSync(canary, path),
    'hard link': (path: string, canary: string) => linkSync(canary, path),
    folder: (path: string) => mkdirSync(path),
  }))
    test(`a ${name} in its place is put aside`, () =>
      withStore(async (store) => {
        const canary = `${store.root}/canary`
        writeFileSync(canary, 'canary')
        plant(`${store.root}/ingest/sha256-${encodedOf(digest)}`, canary)
        await putBlob(store, blob)
        assert.equal(readFileSync(canary, 'utf8'), 'canary')
        assert.deepEqual(readFileSync(pathOf(store, digest)), blob.bytes)
        assert.equal(statSync(pathOf(store, digest)).nlink, 1)
        await store.collect()
        assert.deepEqual(namesIn(store, 'ingest'), [])
        assert.ok(existsSync(canary))
      }))
})
