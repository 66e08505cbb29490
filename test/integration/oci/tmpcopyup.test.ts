/** tmpcopyup: a tmpfs that starts with what it covers. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('the content is copied with its modes, and the image is not written to', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mkdirSync(made.in('/data/deep/deeper'), { recursive: true })
    writeFileSync(made.in('/data/file'), 'content\n'.repeat(20_000))
    writeFileSync(made.in('/data/deep/deeper/secret'), 'x', { mode: 0o600 })
    symlinkSync('/nowhere', made.in('/data/link'))
    chmodSync(made.in('/data/deep'), 0o1711)
    chmodSync(made.in('/data/file'), 0o640)
    chmodSync(made.in('/data'), 0o751)
    mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'size=10m'] })
  })
  assert.deepEqual(
    await box.lines(
      "stat -c '%a %F' /data /data/deep /data/file /data/deep/deeper/secret /data/link; readlink /data/link; wc -l < /data/file; touch /data/new; rm -r /data/deep; grep -c ' /data tmpfs ' /proc/mounts",
    ),
    ['751 directory', '1711 directory', '640 regular file', '600 regular file', '777 symbolic link', '/nowhere', '20000', '1'],
  )
  assert.deepEqual(readdirSync(box.in('/data')).sort(), ['deep', 'file', 'link'])
})

test('owners are copied, and a read-only copy is complete', { skip: skip || wherryOnly('owners of a copy') }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mkdirSync(made.in('/data/folder'), { recursive: true })
    writeFileSync(made.in('/data/folder/file'), 'content\n')
    chownSync(made.in('/data/folder/file'), 1000, 100)
    chownSync(made.in('/data/folder'), 5, 6)
    mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'ro'] })
  })
  assert.deepEqual(
    await box.lines('exec 2>&1; stat -c %u:%g /data/folder /data/folder/file; cat /data/folder/file; touch /data/new; true'),
    ['5:6', '1000:100', 'content', 'touch: /data/new: Read-only file system'],
  )
})

test('an empty and a missing folder are copied too', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) =>
    mounts.push(
      { destination: '/mnt', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
      { destination: '/missing', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
    ),
  )
  assert.equal(await box.probe('ls -A /mnt /missing; grep -cE " /(mnt|missing) tmpfs " /proc/mounts'), '/missing:\n\n/mnt:\n2')
})
