/** Layers that are cut off, damaged or random: nothing but a WherryError comes of it, nothing outside is touched, nothing stays open. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { digestOf } from '../../image/digest.ts'
import { DEFAULT_LIMITS } from '../../image/layer/limits.ts'
import { Pipeline } from '../../image/layer/pipeline.ts'
import { WherryError } from '../../runtime/errors.ts'
import { fuzz, NASTY, type Random } from '../support/random.ts'
import { requires } from '../support/requires.ts'
import {
  archive,
  base256,
  dir,
  entry,
  type Fields,
  file,
  GNU,
  gnuLong,
  hardlink,
  header,
  pax,
  symlink,
  USTAR,
} from '../support/tar-blocks.ts'
import { openDescriptors, scratch, unpackTar } from '../support/unpacked.ts'

const root = { skip: requires('root') }

const SMALL = archive(
  dir('a', { mtime: 5 }),
  file('a/b', 'some content'.repeat(100)),
  pax({ mtime: '7.5', 'SCHILY.xattr.user.x': 'y' }),
  file('a/c', 'x'),
  symlink('l', 'a'),
  hardlink('h', 'a/b'),
  gnuLong('L', 'long/'.repeat(30)),
  dir('x'),
  file('.wh.gone'),
)

const pipe = async (folder: string, blob: Uint8Array, tar: Uint8Array, aside: boolean): Promise<unknown> => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const pipeline = new Pipeline(
    {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: digestOf(blob),
      size: blob.length,
      unpack: { diffID: digestOf(tar), folder, limits: DEFAULT_LIMITS, style: 'trusted' },
    },
    () => false,
  )
  let whole = false
  try {
    await pipeline.push(blob, aside)
    const facts = pipeline.end()
    whole = true
    return facts
  } finally {
    if (!whole) pipeline.abandon()
  }
}

const orderly = (error: unknown): true => {
  assert.ok(error instanceof WherryError, error instanceof Error ? error.stack : String(error))
  assert.ok(['invalid-argument', 'data-loss'].includes(error.kind), `${error.kind}: ${error.message}`)
  return true
}

for (const [name, compress] of Object.entries({ tar: (bytes: Uint8Array) => Buffer.from(bytes), gzip: gzipSync, zstd: zstdCompressSync }))
  test(`${name}: cut off and damaged at every place, with digests that fit what is left`, root, async (t) => {
    const folder = `${scratch(t)}/layer`
    const before = openDescriptors().length
    const whole = compress(SMALL)
    await pipe(folder, whole, SMALL, false)
    const step = name === 'tar' ? 512 : 7
    for (let at = 0; at < whole.length; at += step) {
      const cut = whole.subarray(0, at)
      // a tar that ends between two entries is whole, but has another diff-id
      await assert.rejects(pipe(folder, cut, SMALL, at % 2 === 0), orderly, `cut at ${at}`)
      // time and system in gzip’s header are of no account
      if (name === 'gzip' && at < 10) continue
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x55
      await assert.rejects(pipe(folder, damaged, SMALL, at % 2 === 1), orderly, `damaged at ${at}`)
      const filled = Buffer.concat([cut, createHash('sha512').update(String(at)).digest(), whole.subarray(at + 64)])
      await assert.rejects(pipe(folder, filled, SMALL, false), orderly, `random bytes at ${at}`)
    }
    assert.equal(openDescriptors().length, before)
  })

const NAMES = [
  'a',
  'b',
  'a/b',
  'a/b/c',
  'b/a',
  './a/',
  '/b',
  '.wh.a',
  'a/.wh.b',
  'a/.wh..wh..opq',
  '.wh..wh..opq',
  '.wh.',
  '.wh...',
  '..',
  '../out',
  'l',
  'l/a',
  'a/l',
  '',
  '.',
  'x'.repeat(99),
]
const TARGETS = ['a', 'b', '..', '../..', '/', '../out', '../../../../etc', 'l', 'a/b', '/proc/self/root', '/proc/self/fd/3', '']
const TYPES = ['0', '0', '0', '1', '2', '2', '3', '4', '5', '5', '5', '6', '7', 'S', 'x', 'g', 'L', 'K', '\0', 'V', '9']
const KEYS = [
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'mtime',
  'GNU.sparse.map',
  'GNU.sparse.size',
  'GNU.sparse.major',
  'GNU.sparse.minor',
  'GNU.sparse.realsize',
  'GNU.sparse.name',
  'GNU.sparse.offset',
  'GNU.sparse.numbytes',
  'SCHILY.xattr.user.a',
  'SCHILY.xattr.trusted.overlay.opaque',
  'SCHILY.xattr.trusted.overlay.redirect',
  'SCHILY.xattr.system.posix_acl_default',
  'LIBARCHIVE.xattr.user.%zz',
  '__proto__',
  'comment',
]

const nasty = (random: Random): string => (random.chance(70) ? random.pick([...NAMES, ...TARGETS]) : random.pick(NASTY))
const number = (random: Random): Uint8Array | string =>
  random.pick<() => Uint8Array | string>([
    () => base256(BigInt(random.word()) * BigInt(random.pick([1, -1, 65536, 2 ** 31])), random.pick([8, 12])),
    () => random.text('01234567 \0', 0, 8),
    () => random.text('0123456789abc-. \0', 0, 12),
  ])()

const randomEntry = (random: Random): Buffer => {
  const type = random.pick(TYPES)
  const content = 'xgLK'.includes(type) || random.chance(40) ? Buffer.from(random.bytes(random.below(1500))) : Buffer.alloc(0)
  if (random.chance(20))
    return pax(
      Object.fromEntries(
        random.list(3, () => [
          random.pick(KEYS),
          random.pick<() => string | Uint8Array>([() => nasty(random), () => String(random.word()), () => 'y', () => random.bytes(40)])(),
        ]),
      ),
    )
  if (random.chance(10)) return gnuLong(random.pick(['L', 'K']), nasty(random))
  const fields: Fields = {
    name: Buffer.from(nasty(random)).subarray(0, 100),
    link: Buffer.from(random.pick(TARGETS)),
    type,
    mode: random.below(0o10000),
    uid: random.below(70000),
    gid: random.below(70000),
    mtime: random.word(),
    major: random.below(3),
    minor: random.below(3),
    magic: random.pick([USTAR, GNU]),
    ...(random.chance(10) ? { size: random.below(3000) } : {}),
    ...(random.chance(15) ? { raw: { [random.pick([100, 108, 116, 124, 136, 329, 345, 386, 482, 483])]: number(random) } } : {}),
    ...(random.chance(2) ? { checksumOff: 1 } : {}),
  }
  return random.chance(15) ? header(fields) : entry(fields, content)
}

const canary = (base: string): string => {
  const { mode, uid, gid, nlink, mtimeMs, ctimeMs } = lstatSync(`${base}/out`)
  return JSON.stringify([readdirSync(base).sort(), readFileSync(`${base}/out`, 'utf8'), mode, uid, gid, nlink, mtimeMs, ctimeMs])
}

if (root.skip === false)
  fuzz('headers, pax records, whiteouts and links', 400, (random, t) => {
    const base = scratch(t)
    const folder = `${base}/layer`
    mkdirSync(folder)
    writeFileSync(`${base}/out`, 'alive')
    const [before, descriptors] = [canary(base), openDescriptors().length]
    const tar = archive(...Array.from({ length: random.between(1, 12) }, () => randomEntry(random)))
    for (let flips = random.chance(30) ? random.below(4) : 0; flips > 0; flips--) tar[random.below(tar.length)]! ^= 1 << random.below(8)
    try {
      unpackTar(folder, tar, {
        piece: random.pick([512, 700, 65536]),
        limits: { fileBytes: 1 << 30 },
        style: random.pick(['trusted', 'user']),
      })
    } catch (error) {
      assert.ok(error instanceof WherryError, error instanceof Error ? error.stack : String(error))
      assert.ok(['invalid-argument', 'resource-exhausted'].includes(error.kind), error.message)
      assert.equal(/[\0\n\u001b]/.test(error.message), false, 'a message shows control characters as they are')
    }
    assert.equal(canary(base), before)
    assert.equal(openDescriptors().length, descriptors)
    for (const name of readdirSync(folder)) assert.ok(['root', 'removed'].includes(name), name)
    rmSync(base, { recursive: true })
  })
