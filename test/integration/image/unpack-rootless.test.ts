/** Unpacking as root of a user namespace, which is not the machine’s. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { readXattrs } from '../../../image/inspect/xattrs.ts'
import { requires } from '../../support/requires.ts'
import { archive, dir, file, header, pax } from '../../support/tar-blocks.ts'
import { scratch } from '../../support/unpacked.ts'

const root = { skip: requires('root') }

/** What comes of it, in a namespace with one id. */
const unpack = (t: TestContext, tar: Uint8Array): { readonly folder: string; readonly said: Record<string, unknown> } => {
  const base = scratch(t)
  const folder = `${base}/layer`
  mkdirSync(folder)
  writeFileSync(`${base}/tar`, tar)
  const argv = [
    '--user',
    '--map-root-user',
    process.execPath,
    `${import.meta.dirname}/../../support/unpack-child.ts`,
    folder,
    `${base}/tar`,
  ]
  return { folder, said: JSON.parse(execFileSync('unshare', argv, { encoding: 'utf8' })) as Record<string, unknown> }
}

test('devices and attributes of the machine’s root are left out, as podman does', root, (t) => {
  const { folder, said } = unpack(
    t,
    archive(
      header({ name: 'null', type: '3', major: 1, minor: 3 }),
      header({ name: 'disk', type: '4', major: 8, minor: 0 }),
      header({ name: 'pipe', type: '6' }),
      pax({ 'SCHILY.xattr.trusted.x': '1', 'SCHILY.xattr.user.y': '2' }),
      file('file', 'x', { mode: 0o4755 }),
      file('.wh.gone'),
      dir('opaque'),
      file('opaque/.wh..wh..opq'),
    ),
  )
  assert.deepEqual(said['skipped'], ['null', 'disk'])
  assert.deepEqual(readdirSync(`${folder}/root`).sort(), ['file', 'gone', 'opaque', 'pipe'])
  assert.deepEqual([...readXattrs(`${folder}/root/file`).keys()], ['user.y'])
  assert.equal(lstatSync(`${folder}/root/file`).mode & 0o7777, 0o4755)
  assert.ok(lstatSync(`${folder}/root/gone`).isCharacterDevice())
  assert.deepEqual([...readXattrs(`${folder}/root/opaque`).keys()], ['user.overlay.opaque'])
})

test('an owner that the namespace does not have', root, (t) => {
  const { said } = unpack(t, archive(file('a', 'x', { uid: 1000, gid: 5 })))
  assert.equal(said['kind'], 'failed-precondition')
  assert.match(
    String(said['message']),
    /"a" belongs to 1000:5, which this user namespace has no id for: give the user more of them in \/etc\/subuid/,
  )
})
