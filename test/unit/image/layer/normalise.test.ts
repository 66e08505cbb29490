/** Names, whiteouts and attributes of entries: what is mended, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeBytes, encodeBytes, shown } from '../../../../image/layer/bytes.ts'
import { DEFAULT_LIMITS, type LayerLimits } from '../../../../image/layer/limits.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { archive, dir, file, hardlink, header, pax, symlink } from '../../../support/tar-blocks.ts'
import { entriesOf } from '../../../support/unpacked.ts'

const refused = (tar: Uint8Array, kind: WherryError['kind'], message: RegExp, limits: Partial<LayerLimits> = {}): void => {
  assert.throws(
    () => entriesOf(tar, { limits }),
    (error) => {
      assert.ok(error instanceof WherryError, String(error))
      assert.equal(error.kind, kind, error.message)
      assert.match(error.message, message)
      return true
    },
  )
}

test('names that could lead out are refused', () => {
  for (const name of ['..', '../a', 'a/../b', 'a/..', './../a', '/../a', 'a/../../b']) {
    refused(archive(file(name)), 'invalid-argument', /has \.\. in its name/)
    refused(archive(hardlink('x', name)), 'invalid-argument', /has \.\. in its name/)
  }
  for (const name of ['', '/', '.', './', '//.//']) refused(archive(file(name)), 'invalid-argument', /name of the root and is no folder/)
  refused(archive(hardlink('x', '/')), 'invalid-argument', /leads to the root/)
  refused(archive(symlink('x', '')), 'invalid-argument', /has no target/)
})

test('whiteouts', () => {
  const found = entriesOf(
    archive(
      file('.wh.gone'),
      file('a/.wh.gone'),
      dir('a/.wh.folder/'),
      file('a/.wh..wh..opq'),
      file('.wh..wh..opq'),
      file('.wh..wh.aufs'),
      dir('.wh..wh.plnk/'),
      file('.wh..wh.plnk/1.2', 'x'),
      file('a/.wh..wh.orph'),
      header({ name: 'b/node', type: '3', major: 0, minor: 0 }),
      pax({ 'SCHILY.xattr.trusted.overlay.opaque': 'y' }),
      dir('c/'),
      pax({ 'SCHILY.xattr.user.overlay.opaque': 'y', 'SCHILY.xattr.user.kept': '1' }),
      dir('d/'),
      file('e/x.wh.y'),
    ),
  )
  assert.deepEqual(
    found.map(({ path, type, exists, whiteout, xattrs }) => [path, type, exists, whiteout, [...xattrs.keys()].join()]),
    [
      ['gone', 'file', false, 'hidden', ''],
      ['a/gone', 'file', false, 'hidden', ''],
      ['a/folder', 'file', false, 'hidden', ''],
      ['a', 'file', false, 'opaque', ''],
      ['', 'file', false, 'opaque', ''],
      ['b/node', 'file', false, 'hidden', ''],
      ['c', 'directory', true, 'opaque', ''],
      ['d', 'directory', true, 'opaque', 'user.kept'],
      ['e/x.wh.y', 'file', true, undefined, ''],
    ],
  )
})

test('whiteouts that hide what can have no name', () => {
  for (const name of ['.wh.', 'a/.wh.', '.wh..', '.wh...', 'a/.wh...', '.wh./'])
    refused(archive(file(name)), 'invalid-argument', /hides nothing/)
  refused(archive(file('.wh.a/b')), 'invalid-argument', /lies in a whiteout/)
  refused(archive(file('.wh./b')), 'invalid-argument', /lies in a whiteout/)
  refused(archive(file('.wh./../b')), 'invalid-argument', /has \.\. in its name/)
  refused(archive(hardlink('a', 'b/.wh.c')), 'invalid-argument', /leads to a whiteout/)
  refused(archive(hardlink('a', '.wh..wh..opq')), 'invalid-argument', /leads to a whiteout/)
})

test('commands to overlayfs are refused, its bookkeeping is left out', () => {
  for (const name of ['redirect', 'metacopy', 'whiteout', 'overlay.opaque', 'opaque', 'something new'])
    for (const space of ['trusted', 'user'])
      refused(
        archive(pax({ [`SCHILY.xattr.${space}.overlay.${name}`]: '/../..' }), dir('a')),
        'invalid-argument',
        /would command overlayfs/,
      )
  // opaque belongs to folders
  refused(archive(pax({ 'SCHILY.xattr.trusted.overlay.opaque': 'y' }), file('a')), 'invalid-argument', /would command overlayfs/)
  const [found] = entriesOf(archive(pax({ 'SCHILY.xattr.trusted.overlay.origin': 'x', 'SCHILY.xattr.user.overlay.impure': 'y' }), dir('a')))
  assert.equal(found!.xattrs.size, 0)
})

test('devices beyond what Linux has', () => {
  refused(archive(header({ name: 'a', type: '4', major: 4096, minor: 0 })), 'invalid-argument', /4096:0/)
  refused(archive(header({ name: 'a', type: '3', major: 1, minor: 1 << 20 })), 'invalid-argument', /1:1048576/)
})

test('limits, each with its name', () => {
  const limit = (name: keyof LayerLimits, value: number, tar: Uint8Array): void =>
    refused(tar, 'resource-exhausted', new RegExp(`more than ${value} .*raise the limit layer\\.${name}`), { [name]: value })
  limit('entries', 2, archive(file('a'), file('b'), file('c')))
  limit('fileBytes', 3, archive(file('a', 'four')))
  limit('pathBytes', 10, archive(file('elevenbytes')))
  limit('pathBytes', 10, archive(file('äöüßäö')))
  limit('depth', 3, archive(file('a/b/c/d')))
  limit('xattrs', 1, archive(pax({ 'SCHILY.xattr.user.a': '1', 'SCHILY.xattr.user.b': '1' }), file('a')))
  limit('xattrBytes', 10, archive(pax({ 'SCHILY.xattr.user.a': 'long enough' }), file('a')))
  refused(
    archive(file('x'.repeat(100), '', { prefix: 'y' }), pax({ path: 'z'.repeat(256) }), file('')),
    'invalid-argument',
    /longer than 255 bytes/,
  )
  assert.equal(entriesOf(archive(pax({ path: 'ä'.repeat(127) }), file(''))).length, 1)
  assert.equal(DEFAULT_LIMITS.pathBytes, 4095)
})

test('bytes survive as names', () => {
  for (const bytes of [
    [],
    [0x61],
    [0xff],
    [0xc3],
    [0xc3, 0xa4],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x92, 0xa5],
    [0xed, 0xb2, 0x80],
    [0x80, 0x61, 0xfe],
  ]) {
    const text = decodeBytes(Uint8Array.from(bytes))
    assert.deepEqual([...encodeBytes(text)], bytes)
  }
  assert.equal(decodeBytes(Buffer.from('\ufffd')), '\ufffd')
  assert.equal(shown('a\udcff\n\u202e'), '"a\\xff\\n\\u202e"')
})
