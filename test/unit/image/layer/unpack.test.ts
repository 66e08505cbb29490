/** What is on disk after a layer was unpacked, entry by entry. */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { readXattrs } from '../../../../image/inspect/xattrs.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { requires } from '../../../support/requires.ts'
import { archive, base256, dir, file, GNU, hardlink, header, pax, symlink } from '../../../support/tar-blocks.ts'
import { openDescriptors, scratch, unpackTar } from '../../../support/unpacked.ts'

const root = { skip: requires('root') }
const xattr = (path: string, name: string): string | undefined => {
  const value = readXattrs(path).get(name)
  return value === undefined ? undefined : Buffer.from(value).toString()
}
const isWhiteout = (path: string): boolean => {
  const stat = lstatSync(path)
  return stat.isCharacterDevice() && stat.rdev === 0
}
const modeOf = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8)
const refused = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof WherryError && error.kind === 'invalid-argument' && message.test(error.message))
}

test('types, modes, owners, times, attributes', root, (t) => {
  const folder = scratch(t)
  const before = openDescriptors().length
  const capability = Buffer.from([1, 0, 0, 2, 0xc0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  const facts = unpackTar(
    folder,
    archive(
      dir('./', { mode: 0o750, mtime: 12 }),
      dir('sticky', { mode: 0o1777, mtime: 34 }),
      dir('setgid', { mode: 0o2775, gid: 50, mtime: 35 }),
      dir('setgid/inner', { mode: 0o755, mtime: 36 }),
      file('setgid/file', 'x', { mode: 0o640, mtime: 37 }),
      pax({ mtime: '100.987654321', 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.user.note': 'hello' }),
      file('sticky/suid', 'binary', { mode: 0o6755, uid: 1000, gid: 1001 }),
      file('none', '', { mode: 0, uid: 5 }),
      symlink('sticky/link', '/no/where'),
      hardlink('same', 'sticky/suid'),
      header({ name: 'node', type: '3', major: 1, minor: 3, mode: 0o622, uid: 3 }),
      header({ name: 'disk', type: '4', major: 259, minor: 70000 }),
      header({ name: 'pipe', type: '6', mode: 0o4600 }),
      header({ name: 'old', raw: { 136: base256(-86400n, 12) } }),
    ),
  )
  const at = (path: string): string => `${folder}/root/${path}`
  assert.deepEqual(facts, { size: 7, entries: 13, implied: [], links: [], root: true, opaque: false, skipped: [] })
  assert.deepEqual([modeOf(at('')), lstatSync(at('')).mtimeMs], ['750', 12000])
  assert.deepEqual([modeOf(at('sticky')), lstatSync(at('sticky')).mtimeMs], ['1777', 34000])
  assert.deepEqual([modeOf(at('setgid')), lstatSync(at('setgid')).gid, lstatSync(at('setgid')).mtimeMs], ['2775', 50, 35000])
  assert.deepEqual([modeOf(at('setgid/inner')), lstatSync(at('setgid/inner')).gid], ['755', 0])
  assert.deepEqual([modeOf(at('setgid/file')), lstatSync(at('setgid/file')).gid], ['640', 0])
  const suid = lstatSync(at('sticky/suid'), { bigint: true })
  assert.deepEqual([Number(suid.mode & 0o7777n).toString(8), suid.uid, suid.gid, suid.mtimeNs], ['6755', 1000n, 1001n, 100_987_654_321n])
  assert.deepEqual(Buffer.from(readXattrs(at('sticky/suid')).get('security.capability')!), capability)
  assert.equal(xattr(at('sticky/suid'), 'user.note'), 'hello')
  assert.deepEqual([modeOf(at('none')), lstatSync(at('none')).uid], ['0', 5])
  assert.equal(readlinkSync(at('sticky/link')), '/no/where')
  assert.equal(lstatSync(at('same'), { bigint: true }).ino, suid.ino)
  assert.deepEqual([modeOf(at('node')), lstatSync(at('node')).rdev, lstatSync(at('node')).uid], ['622', 0x103, 3])
  // glibc’s makedev(3) of 259:70000
  assert.equal(BigInt(lstatSync(at('disk')).rdev), (259n << 8n) | (70000n & 0xffn) | ((70000n & ~0xffn) << 12n))
  assert.deepEqual([modeOf(at('pipe')), lstatSync(at('pipe')).isFIFO()], ['4600', true])
  assert.equal(lstatSync(at('old')).mtimeMs, -86_400_000)
  assert.equal(openDescriptors().length, before)
})

test('folders without an entry are told of, and have no time', root, (t) => {
  const folder = scratch(t)
  const facts = unpackTar(folder, archive(file('a/b/c', 'x'), dir('a/b', { mtime: 7, mode: 0o700 }), file('d/e', 'y')))
  assert.deepEqual([facts.implied, facts.root], [['a', 'd'], false])
  assert.deepEqual([modeOf(`${folder}/root/a`), lstatSync(`${folder}/root/a`).mtimeMs], ['755', 0])
  assert.deepEqual([modeOf(`${folder}/root/a/b`), lstatSync(`${folder}/root/a/b`).mtimeMs], ['700', 7000])
})

test('times of folders stand, however many there are and in whatever order things come', root, (t) => {
  const folder = scratch(t)
  const names = Array.from({ length: 200 }, (_, index) => `d${index}`)
  const parts = names.map((name, index) => dir(name, { mtime: index + 1 }))
  const files = [...names, ...names.toReversed()].map((name, index) => file(`${name}/f${index}`, 'x'))
  unpackTar(folder, archive(...parts, ...files, dir('d5', { mtime: 999 })))
  for (const [index, name] of names.entries())
    assert.equal(lstatSync(`${folder}/root/${name}`).mtimeMs, (index === 5 ? 999 : index + 1) * 1000, name)
})

test('what comes again replaces what was there', root, (t) => {
  const folder = scratch(t)
  const before = openDescriptors().length
  const facts = unpackTar(
    folder,
    archive(
      file('file-file', 'first'),
      file('file-file', 'second'),
      file('file-dir', 'x'),
      dir('file-dir', { mode: 0o711 }),
      dir('dir-file'),
      dir('dir-file/deep'),
      file('dir-file/deep/in', 'x'),
      file('dir-file/implied/in', 'x'),
      file('dir-file', 'now a file'),
      symlink('link-dir', 'file-dir'),
      dir('link-dir'),
      file('link-dir/in', 'x'),
      symlink('link-file', 'file-file'),
      file('link-file', 'not through'),
      pax({ 'SCHILY.xattr.user.old': '1' }),
      dir('dir-dir', { mode: 0o777 }),
      file('dir-dir/kept', 'x'),
      dir('dir-dir', { mode: 0o700, uid: 9 }),
      file('one', 'shared'),
      hardlink('two', 'one'),
      file('one', 'apart'),
      hardlink('two-again', 'two'),
      hardlink('two', 'two'),
      hardlink('two-again', 'two'),
    ),
  )
  const read = (path: string): string => readFileSync(`${folder}/root/${path}`, 'utf8')
  assert.equal(read('file-file'), 'second')
  assert.equal(modeOf(`${folder}/root/file-dir`), '711')
  assert.equal(read('dir-file'), 'now a file')
  assert.deepEqual(readdirSync(`${folder}/root/link-dir`), ['in'])
  assert.equal(read('link-file'), 'not through')
  assert.deepEqual([modeOf(`${folder}/root/dir-dir`), lstatSync(`${folder}/root/dir-dir`).uid], ['700', 9])
  assert.equal(xattr(`${folder}/root/dir-dir`, 'user.old'), undefined)
  assert.deepEqual([read('one'), read('two'), read('two-again')], ['apart', 'shared', 'shared'])
  // where a folder took the place of something else, nothing of the layers below is seen in it
  assert.equal(xattr(`${folder}/root/file-dir`, 'trusted.overlay.opaque'), 'y')
  assert.equal(xattr(`${folder}/root/dir-dir`, 'trusted.overlay.opaque'), undefined)
  assert.deepEqual(facts.implied, [])
  assert.deepEqual(readdirSync(folder), ['root'])
  assert.equal(openDescriptors().length, before)
})

test('whiteouts hide what is below, never what the layer itself brings', root, (t) => {
  const folder = scratch(t)
  const facts = unpackTar(
    folder,
    archive(
      file('.wh.gone'),
      file('sub/.wh.gone'),
      file('before', 'x'),
      file('.wh.before'),
      file('.wh.after'),
      file('after', 'x'),
      dir('dir-before'),
      file('dir-before/in', 'x'),
      file('.wh.dir-before'),
      file('.wh.dir-after'),
      dir('dir-after'),
      file('.wh.implied-after'),
      file('implied-after/in', 'x'),
      dir('opaque'),
      file('opaque/kept', 'x'),
      file('opaque/.wh..wh..opq'),
      file('no-entry/.wh..wh..opq'),
      file('before/.wh.nothing'),
      header({ name: 'overlay', type: '3', major: 0, minor: 0 }),
    ),
  )
  const at = (path: string): string => `${folder}/root/${path}`
  const opaque = (path: string): boolean => xattr(at(path), 'trusted.overlay.opaque') === 'y'
  assert.deepEqual(
    ['gone', 'sub/gone', 'overlay'].map((path) => isWhiteout(at(path))),
    [true, true, true],
  )
  assert.deepEqual([lstatSync(at('before')).isFile(), lstatSync(at('after')).isFile()], [true, true])
  assert.deepEqual(['dir-before', 'dir-after', 'implied-after', 'opaque', 'no-entry'].map(opaque), [true, true, true, true, true])
  assert.deepEqual(readdirSync(at('opaque')), ['kept'])
  assert.deepEqual(facts.implied, ['no-entry', 'sub'])
})

test('opaque in the style of user namespaces; an opaque root is told of', root, (t) => {
  const folder = scratch(t)
  const facts = unpackTar(folder, archive(file('a/.wh..wh..opq'), file('.wh..wh..opq')), { style: 'user' })
  assert.equal(xattr(`${folder}/root/a`, 'user.overlay.opaque'), 'y')
  assert.equal(facts.opaque, true)
})

test('symlinks on the way are followed within the root', root, (t) => {
  const folder = scratch(t)
  const facts = unpackTar(
    folder,
    archive(
      dir('usr/lib'),
      symlink('lib', 'usr/lib'),
      file('lib/a', 'a'),
      symlink('abs', '/usr'),
      file('abs/lib/b', 'b'),
      symlink('up', '../../../usr/lib'),
      file('up/c', 'c'),
      symlink('dangling', 'made/by/this'),
      file('dangling/d', 'd'),
      symlink('usr/lib/to', '../share'),
      file('lib/to/e', 'e'),
      hardlink('lib/f', 'abs/lib/a'),
      file('lib/.wh.gone'),
      dir('lib/new', { mtime: 5 }),
      dir('usr/lib', { mtime: 77 }),
    ),
  )
  const read = (path: string): string => readFileSync(`${folder}/root/${path}`, 'utf8')
  assert.deepEqual(['usr/lib/a', 'usr/lib/b', 'usr/lib/c', 'made/by/this/d', 'usr/share/e', 'usr/lib/f'].map(read), [
    'a',
    'b',
    'c',
    'd',
    'e',
    'a',
  ])
  assert.ok(isWhiteout(`${folder}/root/usr/lib/gone`))
  assert.equal(lstatSync(`${folder}/root/usr/lib`).mtimeMs, 77000)
  assert.deepEqual(facts.implied, ['made', 'made/by', 'made/by/this', 'usr', 'usr/share'])
})

test('hard links into layers below are told of', root, (t) => {
  const folder = scratch(t)
  const facts = unpackTar(
    folder,
    archive(
      hardlink('a', 'etc/below'),
      hardlink('dir/b', 'a'),
      hardlink('c', 'etc/other'),
      file('c', 'replaced'),
      dir('d'),
      hardlink('d/e', 'etc/below'),
      file('d', 'gone with it'),
      hardlink('f', 'x'),
      file('.wh.f'),
    ),
  )
  assert.deepEqual(facts.links, [
    { path: 'a', target: 'etc/below' },
    { path: 'dir/b', target: 'etc/below' },
    { path: 'f', target: 'x' },
  ])
  assert.deepEqual(facts.implied, ['dir'])
  assert.deepEqual(readdirSync(`${folder}/root`).sort(), ['c', 'd', 'dir'])
})

test('links that cannot be', root, (t) => {
  refused(() => unpackTar(scratch(t), archive(dir('d'), hardlink('a', 'd'))), /"d", which is a folder/)
  refused(() => unpackTar(scratch(t), archive(file('.wh.d'), hardlink('a', 'd'))), /"d", which the layer itself has removed/)
  refused(() => unpackTar(scratch(t), archive(file('a/b', 'x'), hardlink('a', 'a/b'))), /replaces what it leads to/)
  refused(
    () => unpackTar(scratch(t), archive(file('a', 'x'), file('a/b', 'y'))),
    /lies in "a", which an earlier entry has made something else/,
  )
  refused(() => unpackTar(scratch(t), archive(symlink('a', 'b'), symlink('b', 'a'), file('a/x', ''))), /lead in a circle/)
})

test('sparse files keep their holes', root, (t) => {
  const folder = scratch(t)
  const pairs = [1 << 20, 3, 1 << 30, 3].map((number) => `${number.toString(8).padStart(11, '0')}\0`).join('')
  const raw = { 386: pairs, 483: `${(2 ** 31).toString(8).padStart(11, '0')}\0` }
  const sparse = Buffer.concat([header({ name: 'sparse', type: 'S', magic: GNU, size: 6, raw }), Buffer.from('abcdef'.padEnd(512, '\0'))])
  const facts = unpackTar(folder, archive(sparse, pax({ 'GNU.sparse.size': '4096', 'GNU.sparse.map': '4096,0' }), file('holes')))
  const stat = lstatSync(`${folder}/root/sparse`)
  assert.deepEqual([stat.size, stat.blocks < 64], [2 ** 31, true])
  assert.equal(facts.size, 6)
  assert.deepEqual([lstatSync(`${folder}/root/holes`).size, lstatSync(`${folder}/root/holes`).blocks], [4096, 0])
})

test('ACLs: default ones do not spread to what is in the folder', root, (t) => {
  const folder = scratch(t)
  // version 2; user::rwx, user:1000:rwx, group::r-x, mask::rwx, other::---
  const acl = Buffer.from(
    '02000000' + '01000700ffffffff' + '02000700e8030000' + '04000500ffffffff' + '10000700ffffffff' + '20000000ffffffff',
    'hex',
  )
  unpackTar(
    folder,
    archive(
      pax({ 'SCHILY.xattr.system.posix_acl_default': acl, 'SCHILY.xattr.system.posix_acl_access': acl }),
      dir('d', { mode: 0o770, mtime: 3 }),
      file('d/f', 'x', { mode: 0o644 }),
      dir('d/d'),
    ),
  )
  const names = (path: string): string[] =>
    [...readXattrs(`${folder}/root/${path}`).keys()].filter((name) => name.startsWith('system.')).sort()
  assert.deepEqual(names('d'), ['system.posix_acl_access', 'system.posix_acl_default'])
  assert.deepEqual([names('d/f'), names('d/d'), modeOf(`${folder}/root/d/f`)], [[], [], '644'])
  assert.equal(lstatSync(`${folder}/root/d`).mtimeMs, 3000)
})

test('a folder with attributes of its own is made plain first', root, (t) => {
  const folder = scratch(t)
  mkdirSync(`${folder}/root`, { mode: 0o2777 })
  unpackTar(folder, archive(file('a', 'x')))
  assert.deepEqual([modeOf(`${folder}/root`), lstatSync(`${folder}/root`).mtimeMs], ['755', 0])
})

test('nothing stays open after a failure', root, (t) => {
  const folder = scratch(t)
  writeFileSync(`${folder}/kept`, '')
  const before = openDescriptors().length
  refused(
    () => unpackTar(folder, Buffer.concat([dir('a'), file('a/b', 'x'), header({ name: 'a/c', size: 1000 }), Buffer.alloc(512)])),
    /cut off/,
  )
  assert.equal(openDescriptors().length, before)
})
