/** `unpackLayer`: blob, digests, folder and thread together. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Digest, digestOf } from '../../../image/digest.ts'
import { giveBack, takeThread } from '../../../image/layer/threads.ts'
import { type LayerTask, unpackLayer } from '../../../image/layer/unpack-layer.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { requires } from '../../support/requires.ts'
import { archive, dir, file } from '../../support/tar-blocks.ts'
import { withTmpfs } from '../../support/tmpfs.ts'
import { scratch } from '../../support/unpacked.ts'

const root = { skip: requires('root') }

/** Compresses badly, so that there are many pieces. */
const noise = (length: number): string => {
  const codes: number[] = []
  for (let state = 1; codes.length < length; codes.push(32 + (state % 90))) state = (state * 48271) % 2147483647
  return Buffer.from(codes).toString('latin1')
}

const TAR = archive(dir('a', { mtime: 5 }), ...Array.from({ length: 40 }, (_, index) => file(`a/f${index}`, noise(50_000 + index))))
const BLOB = gzipSync(TAR)
const DIGEST = digestOf(BLOB)
const DIFF_ID = digestOf(TAR)
const TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'

const pieces = (bytes: Uint8Array, length = 10_000): AsyncIterable<Uint8Array> =>
  (async function* () {
    for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
  })()

interface Scene {
  readonly task: LayerTask
  readonly folder: string
  readonly blobPath: string
}

const scene = (t: TestContext, changes: Partial<LayerTask> = {}, there = 0): Scene => {
  const folder = scratch(t)
  const blobPath = `${folder}/blob`
  writeFileSync(blobPath, BLOB.subarray(0, there))
  const fd = openSync(blobPath, 'r+')
  t.after(() => closeSync(fd))
  return {
    folder,
    blobPath,
    task: {
      descriptor: { mediaType: TYPE, digest: DIGEST, size: BLOB.length },
      source: pieces(BLOB.subarray(there)),
      blob: { fd, offset: there },
      unpack: { diffID: DIFF_ID, folder, style: 'trusted' },
      ...changes,
    },
  }
}

const isWhole = ({ folder, blobPath }: Scene): void => {
  assert.ok(readFileSync(blobPath).equals(BLOB))
  assert.equal(readFileSync(`${folder}/root/a/f39`, 'utf8'), noise(50_039))
}

const fails = async (task: LayerTask, kind: WherryError['kind'], message: RegExp): Promise<void> => {
  await assert.rejects(unpackLayer(task), (error) => {
    assert.ok(error instanceof WherryError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    return true
  })
}

test('a blob is written and unpacked, with progress', root, async (t) => {
  const seen: number[] = []
  const here = scene(t, { onProgress: (position) => seen.push(position) })
  const facts = await unpackLayer(here.task)
  isWhole(here)
  assert.deepEqual([facts!.entries, facts!.implied], [41, []])
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    seen,
  )
  assert.equal(seen.at(-1), BLOB.length)
})

for (const there of [1, 511, 300_000, BLOB.length - 1, BLOB.length])
  test(`a blob of which ${there} bytes are there is continued`, root, async (t) => {
    const here = scene(t, {}, there)
    await unpackLayer(here.task)
    isWhole(here)
  })

test('a blob that is there is unpacked from the disk, without a source', root, async (t) => {
  const { task, ...here } = scene(t, {}, BLOB.length)
  const { source: _, ...rest } = task
  await unpackLayer(rest)
  isWhole({ task, ...here })
})

test('a blob is only written and verified', root, async (t) => {
  const { task, folder, blobPath } = scene(t)
  const { unpack: _, ...rest } = task
  assert.equal(await unpackLayer(rest), undefined)
  assert.ok(readFileSync(blobPath).equals(BLOB))
  assert.equal(existsSync(`${folder}/root`), false)
})

test('a layer is only unpacked', root, async (t) => {
  const { task, folder } = scene(t)
  const { blob: _, ...rest } = task
  await unpackLayer(rest)
  assert.equal(readFileSync(`${folder}/root/a/f0`, 'utf8').length, 50_000)
})

test('bytes that are not the right ones are told from archives that are none', root, async (t) => {
  const flipped = Buffer.from(BLOB)
  flipped[5000]! ^= 1
  const other = digestOf(flipped)
  await fails(scene(t, { source: pieces(flipped) }).task, 'data-loss', new RegExp(`blob ${DIGEST}: its bytes have the digest ${other}`))
  await fails(
    scene(t, { source: pieces(flipped), descriptor: { mediaType: TYPE, digest: other, size: BLOB.length } }).task,
    'invalid-argument',
    new RegExp(`layer ${other}: gzip: `),
  )
  await fails(scene(t, { source: pieces(BLOB.subarray(1)) }).task, 'data-loss', /there are \d+ bytes of \d+/)
  await fails(scene(t, { source: pieces(Buffer.concat([BLOB, BLOB])) }).task, 'data-loss', /there are more than the \d+ bytes/)
  await fails(scene(t, { source: pieces(Buffer.alloc(0)) }).task, 'data-loss', /there are 0 bytes/)
  const wrong = `sha256:${'1'.repeat(64)}` as Digest
  const here = scene(t)
  await fails(
    { ...here.task, unpack: { ...here.task.unpack!, diffID: wrong } },
    'data-loss',
    new RegExp(`layer ${DIGEST}: uncompressed it has the digest ${DIFF_ID}, and the image’s config says ${wrong}`),
  )
})

test('what is there of a blob, and is wrong, is found out', root, async (t) => {
  const here = scene(t, {}, 100_000)
  writeFileSync(here.blobPath, Buffer.alloc(100_000))
  await fails(here.task, 'data-loss', /its bytes have the digest/)
})

test('sha512 is a digest too', root, async (t) => {
  const here = scene(t, { descriptor: { mediaType: TYPE, digest: digestOf(BLOB, 'sha512'), size: BLOB.length } })
  await unpackLayer({ ...here.task, unpack: { ...here.task.unpack!, diffID: digestOf(TAR, 'sha512') } })
  isWhole(here)
})

test('the source’s own error comes out', root, async (t) => {
  const problem = new WherryError('unavailable', 'the line is dead')
  const broken = (async function* () {
    yield BLOB.subarray(0, 300_000)
    throw problem
  })()
  await assert.rejects(unpackLayer(scene(t, { source: broken }).task), problem)
})

test('cancelled before, in the middle, and while the source says nothing', root, async (t) => {
  await fails(scene(t, { signal: AbortSignal.abort() }).task, 'cancelled', new RegExp(`layer ${DIGEST}: cancelled`))
  const middle = new AbortController()
  await fails(scene(t, { signal: middle.signal, onProgress: () => middle.abort() }).task, 'cancelled', /cancelled/)
  const silent = new AbortController()
  const nothing = (async function* () {
    yield BLOB.subarray(0, 10)
    silent.abort()
    await new Promise(() => undefined)
    yield BLOB
  })()
  await fails(scene(t, { signal: silent.signal, source: nothing }).task, 'cancelled', /cancelled/)
})

test('many at once, some of which fail, and the threads are as good as new', root, async (t) => {
  const scenes = Array.from({ length: 12 }, (_, index) => scene(t, index % 3 === 1 ? { source: pieces(BLOB.subarray(0, 200_000)) } : {}))
  const results = await Promise.allSettled(scenes.map(({ task }) => unpackLayer(task)))
  assert.deepEqual(
    results.map(({ status }) => status),
    scenes.map((_, index) => (index % 3 === 1 ? 'rejected' : 'fulfilled')),
  )
  for (const [index, here] of scenes.entries()) if (index % 3 !== 1) isWhole(here)
})

test('one who waits for a thread can be cancelled', root, async (t) => {
  const stop = new AbortController()
  const running = Array.from({ length: 8 }, () => unpackLayer(scene(t).task))
  const waiting = fails(scene(t, { signal: stop.signal }).task, 'cancelled', /cancelled/)
  stop.abort()
  await waiting
  await Promise.all(running)
})

test('a folder that is not there', root, async (t) => {
  const here = scene(t)
  await fails({ ...here.task, unpack: { ...here.task.unpack!, folder: '/no/such' } }, 'internal', /in \/no\/such: ENOENT/)
})

test('a thread that breaks down is an error, and the next layer gets a new one', root, async (t) => {
  const thread = await takeThread()
  giveBack(thread, false)
  await fails(scene(t, { onProgress: () => void thread.worker.terminate() }).task, 'internal', /the thread that unpacks it broke down/)
  const here = scene(t)
  await unpackLayer(here.task)
  isWhole(here)
})

test('a full disk is called one, wherever it is hit', root, async (t) => {
  const here = scene(t)
  const full = /the disk is full: free some space.*ENOSPC/
  await withTmpfs(1 << 20, async (small) => {
    await fails({ ...here.task, unpack: { ...here.task.unpack!, folder: small } }, 'resource-exhausted', full)
  })
  await withTmpfs(1 << 20, async (small) => {
    const fd = openSync(`${small}/blob`, 'w+')
    try {
      await fails({ ...scene(t).task, blob: { fd, offset: 0 } }, 'resource-exhausted', full)
    } finally {
      closeSync(fd)
    }
  })
})
