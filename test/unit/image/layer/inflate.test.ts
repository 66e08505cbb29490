/** Decompressing: members, frames, what is cut off, what comes behind, and who decides what it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { Inflate, inflated } from '../../../../image/layer/inflate.ts'
import { WherryError } from '../../../../runtime/errors.ts'

const OCI = 'application/vnd.oci.image.layer.v1.tar'
const DOCKER = 'application/vnd.docker.image.rootfs.diff.tar'
const SAMPLE = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * at) % 251))

const inflate = (bytes: Uint8Array, piece: number, mediaType = `${OCI}+gzip`): Buffer => {
  const parts: Uint8Array[] = []
  const inflate = new Inflate(mediaType, (part) => parts.push(Uint8Array.from(part)))
  try {
    for (let at = 0; at < bytes.length; at += piece) inflate.push(bytes.subarray(at, at + piece))
    inflate.end()
  } finally {
    inflate.close()
  }
  return Buffer.concat(parts)
}

const inflateAside = async (bytes: Uint8Array, piece: number, isAside: (turn: number) => boolean = () => true): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  const inflate = new Inflate('', (part) => parts.push(Uint8Array.from(part)))
  try {
    for (let at = 0, turn = 0; at < bytes.length; at += piece, turn++) {
      const bit = bytes.subarray(at, at + piece)
      if (isAside(turn)) await inflate.pushAside(bit)
      else inflate.push(bit)
    }
    inflate.end()
  } finally {
    inflate.close()
  }
  return Buffer.concat(parts)
}

const refused = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof WherryError && error.kind === 'invalid-argument' && message.test(error.message))
}

const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

for (const [name, compress] of Object.entries({ gzip: gzipSync, zstd: zstdCompressSync }))
  test(`${name}: whole, in members, in pieces, in two threads`, async () => {
    const whole = compress(SAMPLE)
    const members = Buffer.concat([compress(SAMPLE.subarray(0, 1000)), compress(Buffer.alloc(0)), compress(SAMPLE.subarray(1000))])
    for (const bytes of [whole, members])
      for (const piece of [1, 3, 4096, 1 << 20]) {
        assert.deepEqual(inflate(bytes, piece), SAMPLE)
        if (piece > 3) assert.deepEqual(await inflateAside(bytes, piece), SAMPLE)
      }
    assert.equal(inflate(compress(Buffer.alloc(0)), 7).length, 0)
  })

test('now in two threads, now in one', async () => {
  for (const compress of [gzipSync, zstdCompressSync])
    for (const every of [1, 2, 3, 7])
      assert.ok((await inflateAside(compress(SAMPLE), 97, (turn) => turn % (2 * every) < every)).equals(SAMPLE), `every ${every}`)
})

test('exactly a buffer full, and one byte more', () => {
  for (const size of [256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 512 * 1024])
    for (const compress of [gzipSync, zstdCompressSync]) assert.equal(inflate(compress(Buffer.alloc(size, 1)), 1 << 20).length, size)
})

test('cut off at every byte', () => {
  for (const compress of [gzipSync, zstdCompressSync]) {
    const bytes = compress(Buffer.from('some content that is not long'))
    for (let length = 4; length < bytes.length; length++) refused(() => inflate(bytes.subarray(0, length), 5), /data is cut off/)
  }
  for (const length of [2, 3]) refused(() => inflate(gzipSync('x').subarray(0, length), 5), /data is cut off/)
})

test('damaged, and with something behind', () => {
  const gzip = gzipSync(SAMPLE)
  const flipped = Buffer.from(gzip)
  flipped[1000]! ^= 0xff
  refused(() => inflate(flipped, 4096), /gzip: /)
  const wrongSum = Buffer.from(gzip)
  wrongSum[gzip.length - 5]! ^= 1
  refused(() => inflate(wrongSum, 4096), /gzip: it is damaged/)
  for (const tail of ['x', '\x1fx', '\0', '\0\0\0\0']) {
    refused(() => inflate(Buffer.concat([gzip, Buffer.from(tail, 'latin1')]), 1 << 20), /gzip: /)
    refused(() => inflate(Buffer.concat([gzip, Buffer.from(tail, 'latin1')]), 1), /gzip: /)
  }
  refused(() => inflate(Buffer.concat([gzip, gzip.subarray(0, 1)]), 1 << 20), /cut off/)
  const zstd = zstdCompressSync(SAMPLE, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })
  refused(() => inflate(Buffer.concat([zstd, Buffer.from('rubbish')]), 4096), /zstd: /)
  const bad = Buffer.from(zstd)
  bad[bad.length - 1]! ^= 1
  refused(() => inflate(bad, 4096), /zstd: /)
})

test('frames that are to be skipped', () => {
  const frames = Buffer.concat([skippable, zstdCompressSync(SAMPLE), skippable])
  for (const piece of [1, 5, 1 << 20]) assert.deepEqual(inflate(frames, piece), SAMPLE)
})

test('a window that would take too much memory', () => {
  // magic, no single segment, window descriptor 2³⁰
  refused(() => inflate(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 1, 0, 0]), 100), /zstd: .*(memory|window)/)
})

test('the bytes decide what it is, but for what OCI calls uncompressed', () => {
  const gzip = gzipSync('tar')
  for (const type of [`${OCI}+gzip`, `${OCI}+zstd`, DOCKER, `${DOCKER}.gzip`]) {
    assert.equal(inflate(gzip, 100, type).toString(), 'tar')
    assert.equal(inflate(zstdCompressSync('tar'), 100, type).toString(), 'tar')
    assert.equal(inflate(Buffer.from('plain'), 100, type).toString(), 'plain')
    assert.equal(inflate(Buffer.from('abc'), 1, type).toString(), 'abc')
  }
  for (const type of [OCI, 'application/vnd.oci.image.layer.nondistributable.v1.tar']) assert.deepEqual(inflate(gzip, 100, type), gzip)
  assert.equal(inflate(Buffer.alloc(0), 1).length, 0)
})

test('what the taker throws comes out, from both threads', async () => {
  const problem = new Error('no more')
  const inflate = new Inflate('', () => {
    throw problem
  })
  assert.throws(() => inflate.push(gzipSync(SAMPLE)), problem)
  inflate.close()
  const other = new Inflate('', () => {
    throw problem
  })
  const bytes = gzipSync(Buffer.alloc(2 << 20))
  await assert.rejects(other.pushAside(bytes), problem)
  other.close()
})

test('as a stream', async () => {
  const parts: Buffer[] = []
  async function* blob() {
    yield gzipSync(SAMPLE)
  }
  for await (const part of inflated(blob(), DOCKER)) parts.push(Buffer.from(part))
  assert.deepEqual(Buffer.concat(parts), SAMPLE)
})
