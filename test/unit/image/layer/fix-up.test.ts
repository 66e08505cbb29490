/** What a layer takes from those below. test/integration/image/unpack-peers.test.ts compares the common cases with umoci. */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readXattrs } from '../../../../image/inspect/xattrs.ts'
import type { LayerFacts } from '../../../../image/layer/entry.ts'
import { fixUp } from '../../../../image/layer/fix-up.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { requires } from '../../../support/requires.ts'
import { archive, dir, file, hardlink, pax, symlink } from '../../../support/tar-blocks.ts'
import { openDescriptors, scratch, unpackTar } from '../../../support/unpacked.ts'

const root = { skip: requires('root') }

/** Unpacks layers, lowest first, and completes them; facts of the last one. */
const stack = (folder: string, ...tars: readonly Uint8Array[]): LayerFacts => {
  const before = openDescriptors().length
  let facts: LayerFacts | undefined
  for (const [index, tar] of tars.entries()) {
    mkdirSync(`${folder}/${index}`)
    const lowers = Array.from({ length: index }, (_, lower) => `${folder}/${lower}/root`)
    facts = fixUp(`${folder}/${index}`, unpackTar(`${folder}/${index}`, tar), lowers, 'trusted')
  }
  assert.equal(openDescriptors().length, before)
  return facts!
}

const state = (path: string): unknown => {
  const { mode, uid, gid, mtimeMs } = lstatSync(path)
  return [(mode & 0o7777).toString(8), uid, gid, mtimeMs / 1000]
}
const isOpaque = (path: string): boolean => readXattrs(path).has('trusted.overlay.opaque')
const isWhiteout = (path: string): boolean => lstatSync(path).isCharacterDevice() && lstatSync(path).rdev === 0

test('a file alone leaves /tmp as it was', root, (t) => {
  const folder = scratch(t)
  const facts = stack(folder, archive(dir('tmp', { mode: 0o1777, mtime: 5 })), archive(file('tmp/f', 'x')))
  assert.deepEqual(state(`${folder}/1/root/tmp`), ['1777', 0, 0, 5])
  assert.deepEqual(facts.implied, ['tmp'])
})

test('through layers, with attributes; what was removed in between gives nothing', root, (t) => {
  const folder = scratch(t)
  stack(
    folder,
    archive(
      pax({ 'SCHILY.xattr.user.a': 'b' }),
      dir('a', { mode: 0o700, uid: 4, mtime: 5 }),
      dir('gone', { mode: 0o700 }),
      dir('opaque'),
      dir('opaque/in', { mode: 0o700 }),
    ),
    archive(file('a/one', '1'), file('.wh.gone'), file('opaque/.wh..wh..opq')),
    archive(file('a/two', '2'), file('gone/x', 'x'), file('opaque/in/x', 'x')),
  )
  assert.deepEqual(state(`${folder}/2/root/a`), ['700', 4, 0, 5])
  assert.equal(Buffer.from(readXattrs(`${folder}/2/root/a`).get('user.a')!).toString(), 'b')
  assert.deepEqual(state(`${folder}/2/root/gone`), ['755', 0, 0, 0])
  assert.deepEqual(state(`${folder}/2/root/opaque/in`), ['755', 0, 0, 0])
  assert.equal(isOpaque(`${folder}/2/root/opaque`), false)
})

test('a folder that is a symlink below is moved to where it leads, with what is in it', root, (t) => {
  const folder = scratch(t)
  const facts = stack(
    folder,
    archive(
      dir('usr/lib', { mode: 0o750, mtime: 5 }),
      symlink('lib', 'usr/lib'),
      symlink('usr/lib/deep', '/var/deep'),
      dir('var/deep', { mode: 0o711 }),
    ),
    archive(
      file('lib/a', 'a'),
      file('lib/deep/b', 'b'),
      file('lib/.wh.c'),
      dir('usr/lib/kept', { mtime: 6 }),
      file('usr/lib/kept/d', 'd'),
      dir('lib/kept'),
      file('lib/kept/e', 'e'),
    ),
  )
  const at = (path: string): string => `${folder}/1/root/${path}`
  assert.deepEqual(readdirSync(at('')).sort(), ['usr', 'var'])
  assert.equal(readFileSync(at('usr/lib/a'), 'utf8'), 'a')
  assert.equal(readFileSync(at('var/deep/b'), 'utf8'), 'b')
  assert.ok(isWhiteout(at('usr/lib/c')))
  assert.deepEqual(readdirSync(at('usr/lib/kept')).sort(), ['d', 'e'])
  assert.deepEqual(state(at('usr/lib')), ['750', 0, 0, 5])
  assert.deepEqual(state(at('var/deep')), ['711', 0, 0, 0])
  assert.deepEqual(facts.implied, ['usr', 'usr/lib', 'var', 'var/deep'])
})

test('hard links into layers below bring the file, once, and nothing else changes', root, (t) => {
  const folder = scratch(t)
  stack(
    folder,
    archive(
      dir('etc', { mode: 0o750, mtime: 5 }),
      pax({ mtime: '7.5', 'SCHILY.xattr.user.k': 'v' }),
      file('etc/conf', 'below', { mode: 0o4640, uid: 3 }),
      symlink('etc/sym', 'conf'),
    ),
    archive(dir('d', { mtime: 9 }), hardlink('d/one', 'etc/conf'), hardlink('d/two', 'etc/conf'), hardlink('d/three', 'etc/sym')),
  )
  const at = (path: string): string => `${folder}/1/root/${path}`
  const [conf, one, two] = ['etc/conf', 'd/one', 'd/two'].map((path) => lstatSync(at(path)))
  assert.deepEqual([one!.ino, two!.ino, one!.nlink], [conf!.ino, conf!.ino, 3])
  assert.deepEqual(state(at('d/one')), ['4640', 3, 0, 7.5])
  assert.equal(Buffer.from(readXattrs(at('d/one')).get('user.k')!).toString(), 'v')
  assert.equal(readFileSync(at('d/one'), 'utf8'), 'below')
  assert.ok(lstatSync(at('d/three')).isSymbolicLink())
  assert.deepEqual(
    [state(at('etc')), state(at('d'))],
    [
      ['750', 0, 0, 5],
      ['755', 0, 0, 9],
    ],
  )
})

test('hard links to what is nowhere', root, (t) => {
  const nowhere = (...tars: readonly Uint8Array[]): void => {
    assert.throws(
      () => stack(scratch(t), ...tars),
      (error) => error instanceof WherryError && error.kind === 'invalid-argument' && /hard link "a" leads to "b"/.test(error.message),
    )
  }
  nowhere(archive(hardlink('a', 'b')))
  nowhere(archive(file('c', 'x')), archive(hardlink('a', 'b')))
  nowhere(archive(dir('b')), archive(hardlink('a', 'b')))
  nowhere(archive(file('b', 'x')), archive(file('.wh.b')), archive(hardlink('a', 'b')))
})

test('a symlink below that leads to nothing, within the root at most', root, (t) => {
  const folder = scratch(t)
  const facts = stack(
    folder,
    archive(
      symlink('a', '../../../../../../../../tmp/b'),
      symlink('l', '/proc/self/root'),
      symlink('s', 's'),
      symlink('f', 'file'),
      file('file', 'x'),
    ),
    archive(file('a/x', 'x'), file('l/y', 'y'), file('s/z', 'z'), file('f/z', 'z')),
  )
  assert.deepEqual(facts.implied, ['f', 'proc', 'proc/self', 'proc/self/root', 's', 'tmp', 'tmp/b'])
  assert.equal(readFileSync(`${folder}/1/root/tmp/b/x`, 'utf8'), 'x')
  assert.equal(readFileSync(`${folder}/1/root/proc/self/root/y`, 'utf8'), 'y')
})

test('an opaque root hides all, an implied one is like that below', root, (t) => {
  const hidden = scratch(t)
  const facts = stack(hidden, archive(file('f', 'x'), dir('d'), dir('e')), archive(file('.wh..wh..opq'), dir('d', { mtime: 4 })))
  assert.ok(isWhiteout(`${hidden}/1/root/f`) && isWhiteout(`${hidden}/1/root/e`) && isOpaque(`${hidden}/1/root/d`))
  assert.deepEqual([facts.implied, state(`${hidden}/1/root/d`)], [[''], ['755', 0, 0, 4]])
  const strict = scratch(t)
  const below = stack(strict, archive(dir('./', { mode: 0o711, mtime: 3 })), archive(file('f', 'x')))
  assert.deepEqual([below.implied, state(`${strict}/1/root`)], [[''], ['711', 0, 0, 3]])
  const plain = stack(scratch(t), archive(dir('./', { mtime: 3 })), archive(file('f', 'x')))
  assert.deepEqual(plain.implied, [])
})
