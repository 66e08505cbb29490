/** /dev: default devices, linux.devices, and the links that programs expect. */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { inUserNamespace } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

const ALLOW_ALL = { devices: [{ allow: true, access: 'rwm' }] }

test('the default devices and links are there', { skip }, async (t) => {
  const box = bundle(t)
  assert.deepEqual(
    await box.lines(
      "cd /dev; stat -c '%n %a %u:%g %t,%T' null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done",
    ),
    [
      'null 666 0:0 1,3',
      'zero 666 0:0 1,5',
      'full 666 0:0 1,7',
      'random 666 0:0 1,8',
      'urandom 666 0:0 1,9',
      'tty 666 0:0 5,0',
      'fd /proc/self/fd',
      'stdin /proc/self/fd/0',
      'stdout /proc/self/fd/1',
      'stderr /proc/self/fd/2',
      'ptmx pts/ptmx',
    ],
  )
})

test('the default devices work', { skip }, async (t) => {
  assert.deepEqual(
    await bundle(t).lines(
      'exec 2>&1; echo lost > /dev/null; wc -c < /dev/null; head -c 3 /dev/zero | xxd -p; head -c 8 /dev/urandom | wc -c; echo x > /dev/full; mkdir /dev/sub && touch /dev/sub/new && echo made',
    ),
    ['0', '000000', '8', 'sh: write error: No space left on device', 'made'],
  )
})

test('more devices: character, block and fifo, with mode and owner', { skip }, async (t) => {
  const box = bundle(t, ({ linux, process }) => {
    process.user = { uid: 0, gid: 0, umask: 0o077 }
    linux.resources = ALLOW_ALL
    linux.devices = [
      { type: 'c', path: '/dev/mem-null', major: 1, minor: 3, fileMode: 0o640, uid: 5, gid: 6 },
      { type: 'u', path: '/dev/unbuffered', major: 1, minor: 5 },
      { type: 'b', path: '/dev/loop/first', major: 7, minor: 0, fileMode: 0o600 },
      { type: 'p', path: '/dev/queue', fileMode: 0o666, uid: 1000 },
      { type: 'c', path: '/outside', major: 300, minor: 70_000, fileMode: 0o666 },
    ]
  })
  const lines = await box.lines(
    "stat -c '%n %F %a %u:%g %t,%T' /dev/mem-null /dev/unbuffered /dev/loop/first /dev/queue /outside; (echo through > /dev/queue &); cat /dev/queue; wc -c < /dev/mem-null",
  )
  assert.deepEqual(lines, [
    '/dev/mem-null character special file 640 5:6 1,3',
    '/dev/unbuffered character special file 666 0:0 1,5',
    '/dev/loop/first block special file 600 0:0 7,0',
    '/dev/queue fifo 666 1000:0 0,0',
    '/outside character special file 666 0:0 12c,11170',
    'through',
    '0',
  ])
})

test('a device of the config replaces the default one of its path', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.devices = [
      { type: 'c', path: '/dev/tty', major: 5, minor: 0, fileMode: 0o620, uid: 0, gid: 5 },
      { type: 'c', path: '/dev/zero', major: 1, minor: 5, fileMode: 0o600, uid: 1000, gid: 0 },
    ]
  })
  assert.deepEqual(await box.lines("stat -c '%a %u:%g' /dev/tty /dev/zero"), ['620 0:5', '600 1000:0'])
})

test('without a mount on /dev the devices are made in the image', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => {
    mounts.splice(1, 2)
  })
  assert.deepEqual(await box.lines("stat -c '%t,%T' /dev/null /dev/tty; echo x > /dev/null && echo works"), ['1,3', '5,0', 'works'])
})

test('a file of the image in the place of a device is refused', { skip: skip || wherryOnly('checked devices') }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    mounts.splice(1, 2)
    writeFileSync(made.in('/dev/zero'), 'not zero')
  })
  await box.refused(/device \/dev\/zero/)
})

test('a device is made in the image even where links lead out of it', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    linux.resources = ALLOW_ALL
    mkdirSync(`${made.folder}/outside`)
    mkdirSync(made.in('/inside'))
    symlinkSync('/../../inside', made.in('/link'))
    linux.devices = [{ type: 'c', path: '/link/zero', major: 1, minor: 5, fileMode: 0o666, uid: 0, gid: 0 }]
  })
  assert.equal(await box.probe('stat -c %t,%T /inside/zero'), '1,5')
})

test("in a user namespace the host's devices are bound", { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    inUserNamespace(config)
    made.own(100_000)
    config.linux.resources = ALLOW_ALL
    config.linux.devices = [{ type: 'c', path: '/dev/full', major: 1, minor: 7, fileMode: 0o666, uid: 0, gid: 0 }]
  })
  assert.deepEqual(
    await box.lines(
      "exec 2>&1; grep -c ' /dev/[a-z]* .* devtmpfs ' /proc/self/mountinfo; stat -c '%n %t,%T' /dev/null /dev/full; echo x > /dev/full; mknod /dev/other c 1 3; true",
    ),
    ['6', '/dev/null 1,3', '/dev/full 1,7', 'sh: write error: No space left on device', 'mknod: /dev/other: Operation not permitted'],
  )
})

test('a fifo is made in a user namespace, with an owner of it', { skip: skip || wherryOnly('fifos, which runc binds') }, async (t) => {
  const box = bundle(t, (config, made) => {
    inUserNamespace(config)
    made.own(100_000)
    config.linux.devices = [{ type: 'p', path: '/dev/queue', fileMode: 0o644, uid: 3, gid: 4 }]
  })
  assert.equal(await box.probe("stat -c '%F %a %u:%g' /dev/queue"), 'fifo 644 3:4')
})
