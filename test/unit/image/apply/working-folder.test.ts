import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { resolveUser } from '../../../../image/apply/user.ts'
import { makeWorkingFolder } from '../../../../image/apply/working-folder.ts'
import { AT_FDCWD, O_CLOEXEC } from '../../../../runtime/sys/abi/fcntl.ts'
import { OPEN_TREE_CLONE } from '../../../../runtime/sys/abi/mount.ts'
import { syscall } from '../../../../runtime/sys/syscall.ts'
import { requires } from '../../../support/requires.ts'
import { tree } from '../../../support/tree.ts'

test('what is there is left alone', (t) => {
  const box = tree(t, { 'srv/x': '' })
  for (const path of ['/', '/srv', '/srv/.', '/srv/../srv']) assert.equal(makeWorkingFolder(box.fd, path), false)
})

test('what is missing is made 0755, whatever the umask', (t) => {
  const umask = process.umask(0o077)
  t.after(() => process.umask(umask))
  const box = tree(t, { 'srv/x': '' })
  assert.equal(makeWorkingFolder(box.fd, '/srv/a/b'), true)
  for (const path of ['srv/a', 'srv/a/b']) {
    const stat = statSync(box.in(path))
    assert.equal(stat.mode & 0o7777, 0o755)
    assert.equal(stat.uid, process.geteuid!())
  }
  assert.equal(makeWorkingFolder(box.fd, '/srv/a/b'), false)
})

test('links are followed, also when nothing is behind them', (t) => {
  const box = tree(t, { 'data/x': '' })
  symlinkSync('/data', box.in('link'))
  symlinkSync('/data/made/deep', box.in('dangling'))
  symlinkSync('../data/up', box.in('data/relative'))
  makeWorkingFolder(box.fd, '/link/a')
  assert.ok(existsSync(box.in('data/a')))
  makeWorkingFolder(box.fd, '/dangling/b')
  assert.ok(existsSync(box.in('data/made/deep/b')))
  makeWorkingFolder(box.fd, '/link/relative/c')
  assert.ok(existsSync(box.in('data/up/c')))
})

test('what is in the way', (t) => {
  const box = tree(t, { file: '' })
  symlinkSync('loop', box.in('loop'))
  symlinkSync('/file', box.in('tofile'))
  for (const path of ['/file', '/file/x', '/tofile'])
    assert.throws(() => makeWorkingFolder(box.fd, path), { kind: 'failed-precondition', message: /of the image is no folder/ })
  assert.throws(() => makeWorkingFolder(box.fd, '/loop/x'), { kind: 'failed-precondition', message: /links go in circles/ })
  mkdirSync(box.in('grow'))
  symlinkSync('grow1/x', box.in('grow0'))
  assert.equal(makeWorkingFolder(box.fd, '/grow0'), true)
  assert.ok(existsSync(box.in('grow1/x')))
})

test('a detached mount, which no path leads to', { skip: requires('root') }, (t) => {
  const box = tree(t, { 'etc/passwd': 'app:x:5:6::/srv:/bin/sh\n' })
  const mount = syscall('open_tree', [AT_FDCWD, box.folder, OPEN_TREE_CLONE | O_CLOEXEC])
  try {
    assert.equal(makeWorkingFolder(mount, '/a/b'), true)
    assert.ok(existsSync(box.in('a/b')))
    assert.equal(resolveUser(mount, 'app').gid, 6)
  } finally {
    closeSync(mount)
  }
})
