/** Layers that want too much: CVE-2023-25153 and its like. Each runs into a limit, early, with little memory. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Digest, digestOf } from '../../image/digest.ts'
import type { LayerLimits } from '../../image/layer/limits.ts'
import { unpackLayer } from '../../image/layer/unpack-layer.ts'
import { WherryError } from '../../runtime/errors.ts'
import { requires } from '../support/requires.ts'
import { archive, dir, file, GNU, hardlink, header, pax } from '../support/tar-blocks.ts'
import { openDescriptors, scratch, unpackTar } from '../support/unpacked.ts'

const root = { skip: requires('root') }

const stopped = (limit: keyof LayerLimits) => (error: unknown) => {
  assert.ok(error instanceof WherryError, String(error))
  assert.equal(error.kind, 'resource-exhausted', error.message)
  assert.match(error.message, new RegExp(`raise the limit layer\\.${limit}$`))
  return true
}

const unpackBlob = (t: TestContext, blob: Uint8Array, limits: Partial<LayerLimits>): Promise<unknown> => {
  async function* source() {
    yield blob
  }
  return unpackLayer({
    descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf(blob), size: blob.length },
    source: source(),
    unpack: { diffID: `sha256:${createHash('sha256').update('x').digest('hex')}` as Digest, folder: scratch(t), style: 'trusted', limits },
  })
}

/** One file of zeros, compressed a hundred times over without ever being whole in memory. */
const zeros = (compress: (bytes: Uint8Array) => Buffer, mebibytes: number): Buffer => {
  const part = compress(Buffer.alloc(1 << 20))
  return Buffer.concat([compress(header({ name: 'zeros', size: mebibytes << 20 })), ...Array.from({ length: mebibytes }, () => part)])
}

for (const [name, compress] of Object.entries({ gzip: gzipSync, zstd: zstdCompressSync }))
  test(`${name}: more uncompressed bytes than allowed, and a ratio that is none`, root, async (t) => {
    const before = openDescriptors().length
    await assert.rejects(unpackBlob(t, zeros(compress, 64), { bytes: 32 << 20 }), stopped('bytes'))
    await assert.rejects(unpackBlob(t, zeros(compress, 1100), { ratio: 100 }), stopped('ratio'))
    assert.ok(openDescriptors().length <= before + 8, 'descriptors of idle threads at most')
  })

test('one file larger than allowed, also if most of it is holes', root, (t) => {
  const size = `${(2 ** 33 - 1).toString(8).padStart(11, '0')}\0`
  const sparse = header({ name: 'sparse', type: 'S', magic: GNU, raw: { 386: `${'0'.repeat(11)}\0${'0'.repeat(11)}\0`, 483: size } })
  assert.throws(() => unpackTar(scratch(t), archive(sparse), { limits: { fileBytes: 2 ** 32 } }), stopped('fileBytes'))
  const huge = pax({ 'GNU.sparse.size': String(2 ** 52), 'GNU.sparse.map': '0,0' })
  assert.throws(() => unpackTar(scratch(t), archive(huge, file('x'))), stopped('fileBytes'))
  assert.throws(
    () => unpackTar(scratch(t), archive(header({ name: 'x', size: 2 ** 32 })), { limits: { fileBytes: 1024 } }),
    stopped('fileBytes'),
  )
})

test('too many entries, of any kind', root, (t) => {
  for (const part of [file('same', ''), dir('same'), file('.wh.same'), file('.wh..wh.aufs'), hardlink('a', 'below')])
    assert.throws(
      () => unpackTar(scratch(t), archive(...Array.from({ length: 101 }, () => part)), { limits: { entries: 100 } }),
      stopped('entries'),
    )
})

test('more to remember than allowed', root, (t) => {
  const many = (make: (index: number) => Uint8Array): Buffer => archive(...Array.from({ length: 60 }, (_, index) => make(index)))
  const limits = { remembered: 50 }
  assert.throws(
    () =>
      unpackTar(
        scratch(t),
        many((index) => file(`d${index}/f`, '')),
        { limits },
      ),
    stopped('remembered'),
  )
  assert.throws(
    () =>
      unpackTar(
        scratch(t),
        many((index) => hardlink(`l${index}`, 'below')),
        { limits },
      ),
    stopped('remembered'),
  )
})

test('a hundred thousand entries take little memory', root, (t) => {
  const folder = scratch(t)
  const part = Buffer.concat(Array.from({ length: 1000 }, (_, index) => header({ name: `.wh.${index}` })))
  const before = process.memoryUsage().heapUsed
  const facts = unpackTar(folder, archive(...Array.from({ length: 100 }, () => part)))
  assert.equal(facts.entries, 100_000)
  assert.ok(process.memoryUsage().heapUsed - before < 100 << 20)
})

test('a folder made and taken away again and again', root, (t) => {
  const folder = scratch(t)
  const round = [dir('a'), file('a/b/c/d', 'x'), file('a', 'y')]
  unpackTar(folder, archive(...Array.from({ length: 200 }, () => round).flat()))
})

test('extended headers that go on', root, (t) => {
  const records = pax(Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`SCHILY.xattr.user.a${index}`, 'x'])))
  assert.throws(() => unpackTar(scratch(t), archive(records, file('x'))), stopped('xattrs'))
  const large = pax({ 'SCHILY.xattr.user.a': 'x'.repeat(300 * 1024) })
  assert.throws(() => unpackTar(scratch(t), archive(large, file('x'))), stopped('xattrBytes'))
  // more than the kernel takes, and less than the limit
  assert.throws(
    () => unpackTar(scratch(t), archive(pax({ 'SCHILY.xattr.user.a': 'x'.repeat(100 * 1024) }), file('x'))),
    (error) =>
      error instanceof WherryError && error.kind === 'invalid-argument' && /"user\.a" of 102400 bytes is refused/.test(error.message),
  )
})
