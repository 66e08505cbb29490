/** root and linux.rootfsPropagation. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { inPrivateMounts, parseMountinfo } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test("the root is the bundle's folder, and nothing of the host is mounted", { skip }, async (t) => {
  const box = bundle(t)
  const [folders, table] = (await box.probe('echo $(ls /); echo ---; cat /proc/self/mountinfo')).split('\n---\n')
  assert.equal(folders, 'bin dev etc mnt proc root run sys tmp')
  assert.deepEqual([...parseMountinfo(table!).keys()].sort(), ['/', '/dev', '/dev/pts', '/proc'])
})

test('a read-only root refuses writes, mounts in it do not', { skip }, async (t) => {
  const box = bundle(t, (config) => {
    config.root.readonly = true
    config.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' })
  })
  assert.deepEqual(
    await box.lines(
      'exec 2>&1; touch /new; touch /tmp/new /dev/new && echo written; grep " / / \\| /.* / " /proc/self/mountinfo | cut -d" " -f6',
    ),
    ['touch: /new: Read-only file system', 'written', 'ro,relatime'],
  )
})

test('a writable root is written to', { skip }, async (t) => {
  const box = bundle(t, (config) => {
    config.root.readonly = false
  })
  assert.deepEqual(await box.lines('touch /new && ls /new'), ['/new'])
})

test('root.path is relative to the bundle, or absolute, or the bundle itself', { skip }, async (t) => {
  const box = bundle(t)
  mkdirSync(`${box.folder}/deep`)
  renameSync(box.rootfs, `${box.folder}/deep/root fs`)
  for (const path of ['deep/root fs', `${box.folder}/deep/root fs/`, './deep/./root fs']) {
    box.config.root.path = path
    assert.equal(await box.probe('ls -d /bin/busybox'), '/bin/busybox', path)
  }
  const whole = bundle(t, (config) => {
    config.root.path = '.'
    config.process.args = ['/rootfs/bin/busybox', 'sh', '-c', '/rootfs/bin/busybox ls -d /config.json']
  })
  whole.write()
  assert.equal((await whole.must('run', '--bundle', whole.folder, whole.id)).stdout, '/config.json\n')
})

test('--no-pivot moves the root instead', { skip }, async (t) => {
  const box = bundle(t)
  const [, table] = (await box.probe('echo ---; cat /proc/self/mountinfo', { flags: ['--no-pivot'] })).split('---\n')
  assert.equal(parseMountinfo(table!).get('/')?.root.endsWith('/rootfs'), true)
})

/** A root that is a shared mount of the host; what the host mounts on /mnt, and the container on /tmp. */
const PROPAGATE = `
  mount --bind "$ROOTFS" "$ROOTFS"; mount --make-shared "$ROOTFS"
  rt run --detach --bundle "$BUNDLE" "$ID" < /dev/null > /dev/null
  mount -t tmpfs of-the-host "$ROOTFS/mnt"
  rt exec "$ID" sh -c 'mount -t tmpfs of-the-container /tmp; grep " / / \\| /[^ ]* / " /proc/self/mountinfo | head -n 1; grep -c of-the-host /proc/self/mountinfo || :'
  grep -c of-the-container /proc/self/mountinfo || :
  rt delete --force "$ID"
  umount "$ROOTFS/mnt"
`

/** Of the root's own line, of mounts that come in, and of those that go out. */
const PROPAGATIONS = {
  private: [/^$/, '0', '0'],
  rprivate: [/^$/, '0', '0'],
  slave: [/^master:\d+$/, '1', '0'],
  rslave: [/^master:\d+$/, '1', '0'],
  unbindable: [/^unbindable$/, '0', '0'],
  // a peer group of its own, not the host's
  shared: [/^shared:\d+$/, '0', '0'],
  rshared: [/^shared:\d+$/, '0', '0'],
} as const

for (const [propagation, [fields, incoming, outgoing]] of Object.entries(PROPAGATIONS))
  test(`rootfsPropagation ${propagation}`, {
    skip: skip || (propagation.endsWith('slave') ? wherryOnly('mounts come in where the root is shared') : false),
  }, async (t) => {
    const box = bundle(t, ({ linux, process }) => {
      linux.rootfsPropagation = propagation
      process.args = shell('exec sleep 100000')
      process.capabilities = { bounding: ['CAP_SYS_ADMIN'], effective: ['CAP_SYS_ADMIN'], permitted: ['CAP_SYS_ADMIN'] }
    })
    const [line, ...counts] = (await inPrivateMounts(box, PROPAGATE)).split('\n')
    assert.match(parseMountinfo(line!).get('/')!.propagation.join(' '), fields)
    assert.deepEqual(counts, [incoming, outgoing])
  })
