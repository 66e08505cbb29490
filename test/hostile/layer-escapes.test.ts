/** Layers that reach for what is outside: CVE-2021-32760, CVE-2025-47290 and all of the older tar classes. A canary beside the layer must stay as it is. */
import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { WherryError } from '../../runtime/errors.ts'
import { requires } from '../support/requires.ts'
import { archive, dir, file, GNU, gnuLong, hardlink, header, pax, symlink } from '../support/tar-blocks.ts'
import { openDescriptors, scratch, unpackTar } from '../support/unpacked.ts'

const root = { skip: requires('root') }

interface Place {
  /** For the layer. */
  readonly folder: string
  /** A folder outside with a file. */
  readonly outside: string
  check(): void
}

/** Everything about the canary, times and modes too. */
const place = (t: TestContext): Place => {
  const base = scratch(t)
  const [folder, outside] = [`${base}/layer`, `${base}/outside`]
  mkdirSync(folder)
  mkdirSync(outside, { mode: 0o700 })
  writeFileSync(`${outside}/canary`, 'alive', { mode: 0o600 })
  writeFileSync(`${folder}/layer.json`, '{}')
  chmodSync(`${outside}/canary`, 0o600)
  for (const path of [`${outside}/canary`, outside]) utimesSync(path, 1, 1)
  const state = (): unknown => [
    readdirSync(base).sort(),
    readdirSync(outside),
    readFileSync(`${outside}/canary`, 'utf8'),
    readFileSync(`${folder}/layer.json`, 'utf8'),
    ...[outside, `${outside}/canary`].map((path) => {
      const { mode, uid, gid, nlink, ino, mtimeMs } = lstatSync(path)
      return { mode, uid, gid, nlink, ino, mtimeMs }
    }),
  ]
  const before = state()
  const descriptors = openDescriptors().length
  return {
    folder,
    outside,
    check: () => {
      assert.deepEqual(state(), before)
      assert.equal(openDescriptors().length, descriptors)
      for (const name of readdirSync(folder)) assert.ok(['root', 'layer.json'].includes(name), `${name} beside the layer`)
    },
  }
}

/** The reason it is refused for; undefined: it is not, and does no harm. */
const attack = (name: string, reason: RegExp | undefined, make: (here: Place) => Uint8Array): void => {
  test(name, root, (t) => {
    for (const piece of [512, 1 << 20]) {
      const here = place(t)
      const tar = make(here)
      if (reason === undefined) unpackTar(here.folder, tar, { piece })
      else
        assert.throws(
          () => unpackTar(here.folder, tar, { piece }),
          (error) => error instanceof WherryError && error.kind === 'invalid-argument' && reason.test(error.message),
        )
      here.check()
    }
  })
}

const CHANGES = { mode: 0o4777, uid: 4242, gid: 4242, mtime: 99 }

attack('a name with ..', /\.\. in its name/, () => archive(file('../outside/canary', 'dead', CHANGES)))
attack('a long name with .., of GNU', /\.\. in its name/, () => archive(gnuLong('L', '../outside/canary'), file('x', 'dead')))
attack('a long name with .., of pax', /\.\. in its name/, () => archive(pax({ path: 'a/../../outside/canary' }), file('x', 'dead')))
attack('a name with .. for a sparse file', /\.\. in its name/, () =>
  archive(pax({ 'GNU.sparse.name': '../outside/canary', 'GNU.sparse.size': '4', 'GNU.sparse.map': '0,4' }), file('x', 'dead')),
)
attack('a prefix with ..', /\.\. in its name/, () => archive(file('canary', 'dead', { prefix: '../outside' })))
attack('a folder named ..', /\.\. in its name/, () => archive(dir('..', CHANGES)))
attack('an absolute name', undefined, ({ outside }) => archive(file(`${outside}/canary`, 'dead', CHANGES)))
attack('a symlink as parent, absolute', undefined, ({ outside }) => archive(symlink('a', outside), file('a/canary', 'dead', CHANGES)))
attack('a symlink as parent, relative', undefined, () => archive(symlink('a', '../../outside'), file('a/canary', 'dead', CHANGES)))
attack('a symlink as parent, to the layer’s own folder', undefined, () =>
  archive(symlink('a', '..'), file('a/layer.json', 'dead', CHANGES)),
)
attack('a symlink as parent, swapped in for a folder', undefined, ({ outside }) =>
  archive(dir('a'), file('a/x', 'x'), symlink('a', outside), file('a/canary', 'dead', CHANGES)),
)
attack('a symlink through a symlink', undefined, ({ outside }) =>
  archive(symlink('a', 'b/c'), dir('b'), symlink('b/c', outside), file('a/canary', 'dead', CHANGES)),
)
attack('a symlink through /proc/self/root', undefined, ({ outside }) =>
  archive(symlink('a', `/proc/self/root${outside}`), file('a/canary', 'dead', CHANGES)),
)
attack('a symlink through /proc/self/cwd and fd', undefined, () =>
  archive(symlink('a', '/proc/self/fd/5'), file('a/canary', 'dead'), symlink('b', '/proc/self/cwd'), file('b/canary', 'dead')),
)
attack('a file over a symlink', undefined, ({ outside }) => archive(symlink('a', `${outside}/canary`), file('a', 'dead', CHANGES)))
attack('chmod, chown and times through a symlink', undefined, ({ outside }) =>
  archive(symlink('a', `${outside}/canary`), header({ name: 'a', type: '2', link: `${outside}/canary`, ...CHANGES })),
)
attack('a folder’s attributes through a symlink', undefined, ({ outside }) => archive(symlink('a', outside), dir('a', CHANGES)))
attack('extended attributes through a symlink', undefined, ({ outside }) =>
  archive(symlink('a', `${outside}/canary`), pax({ 'SCHILY.xattr.user.dead': '1' }), symlink('a', `${outside}/canary`)),
)
attack('a hard link with ..', /\.\. in its name/, () => archive(hardlink('a', '../outside/canary'), file('a', 'dead')))
attack('a hard link to an absolute name', undefined, ({ outside }) =>
  archive(hardlink('a', `${outside}/canary`), header({ name: 'a', ...CHANGES })),
)
attack('a hard link through a symlink', undefined, ({ outside }) =>
  archive(symlink('s', outside), hardlink('a', 's/canary'), file('b', ''), hardlink('c', 's/canary')),
)
attack('a hard link to a symlink, written through', undefined, ({ outside }) =>
  archive(symlink('s', `${outside}/canary`), hardlink('a', 's'), file('a', 'dead', CHANGES)),
)
attack('a hard link to a long name', /\.\. in its name/, () =>
  archive(gnuLong('K', '../outside/canary'), header({ name: 'a', type: '1', magic: GNU })),
)
attack('a whiteout of ..', /hides nothing that can have this name/, () => archive(file('.wh...')))
attack('a whiteout of .. in a folder', /hides nothing that can have this name/, () => archive(dir('a'), file('a/.wh...')))
attack('a whiteout of .', /hides nothing that can have this name/, () => archive(file('.wh..')))
attack('a whiteout of nothing', /hides nothing that can have this name/, () => archive(file('.wh.')))
attack('a whiteout with a slash', /lies in a whiteout/, () => archive(file('.wh./../outside'.replace('/..', '/x'))))
attack('a whiteout with .. behind', /\.\. in its name/, () => archive(file('.wh.a/../../../outside/canary')))
attack('a whiteout through a symlink', undefined, ({ outside }) => archive(symlink('a', outside), file('a/.wh.canary')))
attack('an opaque marker through a symlink', undefined, ({ outside }) => archive(symlink('a', outside), file('a/.wh..wh..opq')))
attack('an opaque attribute on a folder over a symlink', undefined, ({ outside }) =>
  archive(symlink('a', outside), pax({ 'SCHILY.xattr.trusted.overlay.opaque': 'y' }), dir('a')),
)
attack('overlay’s redirect', /would command overlayfs/, () =>
  archive(pax({ 'SCHILY.xattr.trusted.overlay.redirect': '/../../outside' }), dir('a')),
)
attack('overlay’s metacopy', /would command overlayfs/, () =>
  archive(pax({ 'SCHILY.xattr.user.overlay.metacopy': '' + '\x01' }), file('a')),
)
attack('entries named like our own files', undefined, () =>
  archive(
    file('layer.json', 'dead'),
    dir('root'),
    file('root/layer.json', 'dead'),
    dir('removed'),
    file('removed/x', 'y'),
    file('removed', 'z'),
  ),
)
attack('symlinks in a circle', /lead in a circle/, () => archive(symlink('a', 'b'), symlink('b', 'a'), file('a/canary', 'dead')))
attack('a symlink to itself', /lead in a circle/, () => archive(symlink('a', 'a'), file('a/canary', 'dead')))
attack('forty-one symlinks', /lead in a circle/, () =>
  archive(...Array.from({ length: 41 }, (_, index) => symlink(`l${index}`, `l${index + 1}`)), dir('l41'), file('l0/x', 'y')),
)
attack('a name with a NUL', /contains a NUL/, () => archive(pax({ path: 'a\0../../outside/canary' }), file('x', 'dead')))
attack('a device of the host, then written to', undefined, () =>
  archive(
    header({ name: 'disk', type: '4', major: 259, minor: 0, mode: 0o666 }),
    file('disk', 'dead'),
    header({ name: 'pipe', type: '6' }),
    file('pipe', 'x'),
  ),
)
attack('parent that is a device', /something else than a folder/, () =>
  archive(header({ name: 'n', type: '3', major: 1, minor: 3 }), file('n/x', 'y')),
)
attack('another header hidden in the content', undefined, () =>
  archive(file('a', archive(file('../outside/canary', 'dead')).toString('latin1'))),
)
attack('another archive behind the end', undefined, () => archive(archive(file('a')), file('../outside/canary', 'dead')))
attack('a size that hides the next header', /wrong checksum/, () =>
  Buffer.concat([header({ name: 'a', size: 100 }), header({ name: 'b' }), Buffer.alloc(512, 'x')]),
)

test('the layer’s folder is not looked for through a symlink', root, (t) => {
  const here = place(t)
  symlinkSync(here.outside, `${here.folder}/root`)
  assert.throws(() => unpackTar(here.folder, archive(file('canary', 'dead'))), /ELOOP|ENOTDIR/)
  here.check()
})

test('folders a thousand deep, and paths of 4095 bytes', root, (t) => {
  const here = place(t)
  const deep = Array.from({ length: 1000 }, () => 'd').join('/')
  const long = `${Array.from({ length: 15 }, (_, index) => String.fromCharCode(97 + index).repeat(255)).join('/')}/${'z'.repeat(255)}`
  assert.equal(long.length, 4095)
  unpackTar(here.folder, archive(pax({ path: `${deep}/file` }), file('x', 'deep'), pax({ path: long }), file('x', 'long')))
  here.check()
  // replaced by a file: all of it has to go
  const again = place(t)
  unpackTar(
    again.folder,
    archive(
      pax({ path: `${deep}/file` }),
      file('x', 'deep'),
      pax({ path: long }),
      file('x', 'long'),
      file('d', 'flat'),
      file('a'.repeat(99), 'y'),
    ),
  )
  assert.equal(readFileSync(`${again.folder}/root/d`, 'utf8'), 'flat')
  again.check()
  assert.throws(
    () => unpackTar(place(t).folder, archive(pax({ path: `${'d/'.repeat(1025)}file` }), file('x', 'deep'))),
    (error) => error instanceof WherryError && error.kind === 'resource-exhausted' && /layer\.depth/.test(error.message),
  )
  assert.throws(
    () => unpackTar(place(t).folder, archive(pax({ path: `${long}y` }), file('x', 'deep'))),
    (error) => error instanceof WherryError && error.kind === 'resource-exhausted' && /layer\.pathBytes/.test(error.message),
  )
})
