/** Reading archives: frames, names, numbers, pax, GNU’s and sparse files, each also in pieces of all sizes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WherryError } from '../../../../runtime/errors.ts'
import {
  archive,
  base256,
  dir,
  entry,
  file,
  GNU,
  gnuLong,
  hardlink,
  header,
  padded,
  pax,
  paxRecord,
  symlink,
} from '../../../support/tar-blocks.ts'
import { entriesOf } from '../../../support/unpacked.ts'

const refused = (tar: Uint8Array, message: RegExp): void => {
  assert.throws(
    () => entriesOf(tar),
    (error) => {
      assert.ok(error instanceof WherryError, String(error))
      assert.equal(error.kind, 'invalid-argument')
      assert.match(error.message, message)
      return true
    },
  )
}

const one = (tar: Uint8Array): ReturnType<typeof entriesOf>[number] => {
  const found = entriesOf(tar)
  assert.equal(found.length, 1)
  return found[0]!
}

const SAMPLE = archive(
  dir('./'),
  dir('usr/', { mode: 0o2755, uid: 1, gid: 2, mtime: 1_000_000_000 }),
  file('usr/a', 'content of a'),
  pax({
    mtime: '1700000000.123456789',
    uid: '3000000',
    'SCHILY.xattr.security.capability': Uint8Array.of(1, 0, 0, 2, 0x80, 0xff, 0, 0x0a),
  }),
  file('usr/b', 'x'.repeat(1500)),
  symlink('usr/c', '/etc/passwd'),
  hardlink('usr/d', './usr//a'),
  header({ name: 'null', type: '3', major: 1, minor: 3, mode: 0o666 }),
  header({ name: 'sda', type: '4', major: 8, minor: 300 }),
  header({ name: 'pipe', type: '6' }),
  gnuLong('L', `${'d/'.repeat(120)}long`),
  gnuLong('K', 'target/'.repeat(40)),
  header({ name: 'short', type: '2', link: 'short', magic: GNU }),
  entry({ name: 'contiguous', type: '7' }, 'seven'),
)

test('all types, in pieces of any size', () => {
  const whole = entriesOf(SAMPLE)
  assert.deepEqual(
    whole.map(({ path, type }) => `${type} ${path.slice(0, 12)}`),
    [
      'directory ',
      'directory usr',
      'file usr/a',
      'file usr/b',
      'symlink usr/c',
      'hardlink usr/d',
      'character null',
      'block sda',
      'fifo pipe',
      'symlink d/d/d/d/d/d/',
      'file contiguous',
    ],
  )
  const [, usr, a, b, c, d, , sda, , long, contiguous] = whole
  assert.deepEqual([usr!.mode, usr!.uid, usr!.gid, usr!.mtime], [0o2755, 1, 2, 1_000_000_000_000_000_000n])
  assert.equal(a!.content, 'content of a')
  assert.deepEqual([b!.uid, b!.mtime, b!.size], [3000000, 1_700_000_000_123_456_789n, 1500])
  assert.deepEqual([...b!.xattrs], [['security.capability', Uint8Array.of(1, 0, 0, 2, 0x80, 0xff, 0, 0x0a)]])
  assert.deepEqual([c!.link, d!.link], ['/etc/passwd', 'usr/a'])
  assert.deepEqual([sda!.major, sda!.minor], [8, 300])
  assert.deepEqual([long!.path.length, long!.link], [244, 'target/'.repeat(40)])
  assert.equal(contiguous!.content, 'seven')
  for (const piece of [1, 7, 511, 512, 513, 1000]) assert.deepEqual(entriesOf(SAMPLE, { piece }), whole, `pieces of ${piece}`)
})

test('names: bytes that are no UTF-8, prefixes, slashes', () => {
  const odd = one(archive(header({ name: Uint8Array.of(0x61, 0xff, 0xc3, 0xa4, 0xed, 0xb2, 0x80) })))
  assert.equal(odd.path, 'a\udcffä\udced\udcb2\udc80')
  assert.equal(one(archive(header({ name: 'c', prefix: 'a/b' }))).path, 'a/b/c')
  assert.equal(one(archive(header({ name: 'c', prefix: 'a/b', magic: GNU }))).path, 'c')
  assert.equal(
    one(archive(header({ name: 'c', raw: { 345: 'p'.repeat(131), 476: '0'.repeat(24), 508: 'tar\0' } }))).path,
    `${'p'.repeat(131)}/c`,
  )
  assert.equal(one(archive(header({ name: '///a//./b/', type: '5' }))).path, 'a/b')
  // before POSIX: type NUL, and a slash for folders; no magic at all
  const old = one(archive(header({ name: 'old/', type: '\0', magic: '\0\0\0\0\0\0\0\0' })))
  assert.deepEqual([old.path, old.type], ['old', 'directory'])
})

test('GNU’s long names win over pax, as with Go', () => {
  assert.equal(one(archive(pax({ path: 'of pax' }), gnuLong('L', 'of gnu'), header())).path, 'of gnu')
  assert.equal(one(archive(pax({ path: 'of pax' }), header())).path, 'of pax')
})

test('global headers are passed over, and an empty record deletes none of the header’s own', () => {
  assert.equal(one(archive(pax({ path: 'global', uid: '7' }, 'g'), header({ name: 'mine', uid: 5 }))).path, 'mine')
  const empty = one(archive(pax({ path: '', uid: '' }), header({ name: 'mine', uid: 5 })))
  assert.deepEqual([empty.path, empty.uid], ['mine', 5])
})

test('numbers in base 256, before 1970, with blanks', () => {
  const raw = { 136: base256(-5n, 12), 108: base256(4_000_000_000n, 8), 116: '   12 \0 ' }
  const found = one(archive(header({ raw })))
  assert.deepEqual([found.mtime, found.uid, found.gid], [-5_000_000_000n, 4_000_000_000, 10])
  assert.equal(one(archive(pax({ mtime: '-1.25' }), header())).mtime, -1_250_000_000n)
  assert.equal(one(archive(pax({ mtime: '1.1234567891234' }), header())).mtime, 1_123_456_789n)
})

test('numbers that are none', () => {
  refused(archive(header({ raw: { 108: 'zzzzzzz\0' } })), /uid is no number/)
  refused(archive(header({ raw: { 108: base256(1n << 32n, 8) } })), /uid 4294967296 is not within/)
  refused(archive(header({ raw: { 108: base256(-1n, 8) } })), /uid -1 is not within/)
  refused(archive(header({ raw: { 124: base256(1n << 60n, 12) } })), /size is no number/)
  refused(archive(pax({ size: '-1' }), header()), /size is -1/)
  refused(archive(pax({ size: '1e3' }), header()), /pax size is "1e3"/)
  refused(archive(pax({ mtime: 'now' }), header()), /pax mtime is "now"/)
  refused(archive(pax({ gid: '4294967295' }), header()), /gid 4294967295 is not within/)
})

test('pax decides about sizes, but not where there can be no content', () => {
  const [first, second] = entriesOf(archive(Buffer.concat([pax({ size: '5' }), header({ size: 0 }), padded('five!')]), file('next', 'n')))
  assert.deepEqual([first!.content, second!.content], ['five!', 'n'])
  const link = entriesOf(archive(header({ name: 'a', type: '1', link: 'b', size: 512 }), file('hidden', '')))
  assert.deepEqual(
    link.map(({ path }) => path),
    ['a', 'hidden'],
  )
})

test('broken pax headers', () => {
  const broken = (text: string | Uint8Array): Buffer => archive(entry({ name: 'x', type: 'x' }, text), header())
  refused(broken('10 a=b\n'), /pax record at byte 0 .* is broken/)
  refused(broken('hello'), /is broken/)
  refused(broken('6 a=b '), /is broken/)
  refused(broken('5 =b\n'), /no key or no =/)
  refused(broken('6 abc\n'), /no key or no =/)
  refused(broken('99999999999999999999 a=b\n'), /is broken/)
  refused(archive(pax({ path: 'a\0b' }), header()), /contains a NUL/)
  refused(archive(header({ type: 'x', size: 1 << 21 })), /has 2097152 bytes: at most 1048576/)
  refused(archive(header({ type: 'L', size: 1 << 21 })), /has 2097152 bytes/)
  // a name of JavaScript’s own is a key like any other
  assert.equal(entriesOf(archive(pax({ ['__proto__']: 'x', constructor: 'y' }), header())).length, 1)
})

test('extended attributes of libarchive, unless the others are there', () => {
  const value = Buffer.from([0, 1, 0xff])
  const found = one(archive(pax({ 'LIBARCHIVE.xattr.user.a%3Db': value.toString('base64').replace(/=+$/, '') }), header()))
  assert.deepEqual([...found.xattrs], [['user.a=b', value]])
  const both = one(archive(pax({ 'LIBARCHIVE.xattr.user.a': 'AAAA', 'SCHILY.xattr.user.a': 'star' }), header()))
  assert.deepEqual([...both.xattrs], [['user.a', Uint8Array.from(Buffer.from('star'))]])
})

const SPARSE = '\0\0\0\0\0abc\0\0\0\0\0\0\0\0\0\0\0\0def\0\0'

test('sparse files: old GNU, with and without more blocks', () => {
  const pairs = (numbers: readonly number[]): string => numbers.map((number) => `${number.toString(8).padStart(11, '0')}\0`).join('')
  const raw = { 386: pairs([5, 3, 20, 3]), 483: `${(25).toString(8).padStart(11, '0')}\0` }
  const plain = one(archive(entry({ type: 'S', magic: GNU, raw }, 'abcdef')))
  assert.deepEqual([plain.type, plain.size, plain.content], ['file', 25, SPARSE])
  const many = Array.from({ length: 30 }, (_, index) => [index * 10, 1]).flat()
  const first = Buffer.alloc(512)
  first.set(Buffer.from(pairs(many.slice(8, 50))))
  first[504] = 1
  const second = Buffer.alloc(512)
  second.set(Buffer.from(pairs(many.slice(50))))
  const long = Buffer.concat([
    header({
      type: 'S',
      magic: GNU,
      size: 30,
      raw: { 386: pairs(many.slice(0, 8)), 482: '\x01', 483: `${(300).toString(8).padStart(11, '0')}\0` },
    }),
    first,
    second,
    padded('y'.repeat(30)),
  ])
  const whole = entriesOf(archive(long, file('next', 'n')))
  assert.equal(whole[0]!.content, `y${'\0'.repeat(9)}`.repeat(30))
  assert.equal(whole[1]!.content, 'n')
  for (const piece of [1, 100, 512, 700]) assert.deepEqual(entriesOf(archive(long, file('next', 'n')), { piece }), whole)
})

test('sparse files: pax 0.0, 0.1, 1.0', () => {
  const zero = Buffer.concat(
    (
      [
        ['GNU.sparse.size', '25'],
        ['GNU.sparse.numblocks', '2'],
        ['GNU.sparse.offset', '5'],
        ['GNU.sparse.numbytes', '3'],
        ['GNU.sparse.offset', '20'],
        ['GNU.sparse.numbytes', '3'],
      ] as const
    ).map(([key, value]) => paxRecord(key, value)),
  )
  const formats: Readonly<Record<string, Buffer>> = {
    '0.0': archive(entry({ type: 'x', name: 'x' }, zero), file('f', 'abcdef')),
    '0.1': archive(
      pax({ 'GNU.sparse.size': '25', 'GNU.sparse.numblocks': '2', 'GNU.sparse.map': '5,3,20,3', 'GNU.sparse.name': 'f' }),
      file('GNUSparseFile.0/f', 'abcdef'),
    ),
    '1.0': archive(
      pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'f', 'GNU.sparse.realsize': '25' }),
      entry({ name: 'GNUSparseFile.0/f' }, Buffer.concat([padded('2\n5\n3\n20\n3\n'), Buffer.from('abcdef')])),
    ),
  }
  for (const [name, tar] of Object.entries(formats))
    for (const piece of [1, 512, 600, 65536]) {
      const [found] = entriesOf(tar, { piece })
      assert.deepEqual([found!.path, found!.size, found!.content], ['f', 25, SPARSE], `${name} in pieces of ${piece}`)
    }
})

test('maps of sparse files that lie', () => {
  const map = (text: string, content = 'abcdef', size = '25'): Buffer =>
    archive(pax({ 'GNU.sparse.size': size, 'GNU.sparse.map': text }), file('f', content))
  refused(map('5,3,4,3'), /out of order or out of range/)
  refused(map('5,3,24,3'), /out of order or out of range/)
  refused(map('5,3'), /speaks of 3 bytes, and there are 6/)
  refused(map('5,3,20,4'), /speaks of 7 bytes, and there are 6/)
  refused(map('5,3,20'), /not a list of pairs/)
  refused(map('5,3,-1,3'), /not a list of pairs/)
  refused(map('9007199254740991,3,9007199254740991,3'), /out of order or out of range/)
  const one0 = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '25' }
  refused(archive(pax(one0), file('f', '2\n5\n')), /map of a sparse file is cut off/)
  refused(archive(pax(one0), file('f', 'x\n')), /not made of numbers/)
  refused(archive(pax(one0), file('f', '1'.repeat(2 << 20))), /longer than 1048576 bytes/)
  refused(archive(header({ type: 'S' })), /sparse file of GNU’s in a header that is not/)
})

test('where an archive ends', () => {
  const names = (tar: Uint8Array): string[] => entriesOf(tar).map(({ path }) => path)
  // no end blocks, one of them, short padding: docker takes them
  assert.deepEqual(names(file('a', 'x')), ['a'])
  assert.deepEqual(names(Buffer.concat([file('a', 'x'), Buffer.alloc(512)])), ['a'])
  assert.deepEqual(names(file('a', 'x').subarray(0, 513)), ['a'])
  // what is behind the end is not there
  assert.deepEqual(names(archive(archive(file('a', 'x')), file('b', 'y'))), ['a'])
  assert.deepEqual(names(Buffer.concat([archive(file('a')), Buffer.from('rubbish')])), ['a'])
  refused(Buffer.concat([file('a'), Buffer.alloc(512), file('b')]), /block of zeros stands between/)
  refused(file('a', 'xy').subarray(0, 513), /cut off/)
  refused(header().subarray(0, 511), /cut off/)
  refused(pax({ path: 'x' }), /cut off/)
  refused(archive(pax({ path: 'x' })), /ends behind an extended header/)
})

test('what is no header', () => {
  refused(archive(header({ checksumOff: 1 })), /wrong checksum/)
  refused(Buffer.alloc(512, 'x'), /wrong checksum/)
  for (const type of ['V', 'M', 'D', 'N', 'X', '8', 'A', '\x7f'])
    refused(archive(header({ type })), /is of type .*, which layers do not have/)
  // sums of signed bytes, as old programs made them
  const signed = header({ name: Uint8Array.of(0xff, 0xfe) })
  const sum = [...signed].reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : (byte << 24) >> 24), 0)
  signed.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
  assert.equal(entriesOf(archive(signed)).length, 1)
})
