/** process.cwd: made if missing, entered as whoever may, never outside of the root. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, statSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { inUserNamespace } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { OURS, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('the process starts in it, and it is made if missing', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.cwd = '/etc'
  })
  assert.equal(await box.probe('pwd; ls passwd'), '/etc\npasswd')
  box.config.process.cwd = '/not/yet/there'
  assert.equal(await box.probe('pwd'), '/not/yet/there')
  assert.equal(statSync(box.in('/not/yet')).mode & 0o7777, 0o755)
})

test('it may lie in a mount, and is made there', { skip }, async (t) => {
  const box = bundle(t, ({ process, mounts, root }) => {
    root.readonly = true
    mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'tmpfs' })
    process.cwd = '/mnt/a/b'
  })
  assert.equal(await box.probe('pwd'), '/mnt/a/b')
})

test('links of the image lead to where they lead inside', { skip }, async (t) => {
  const box = bundle(t, ({ process }, made) => {
    symlinkSync('/../../../../etc', made.in('/link'))
    process.cwd = '/link'
  })
  assert.equal(await box.probe('pwd -P; ls passwd'), '/etc\npasswd')
})

test('a folder that only root may enter is entered before the user is changed, one that only the user may after it', {
  skip,
}, async (t) => {
  const box = bundle(t, ({ process }, made) => {
    process.user = { uid: 1000, gid: 1000 }
    mkdirSync(made.in('/root-only'))
    chmodSync(made.in('/root-only'), 0o700)
    mkdirSync(made.in('/user-only'))
    chownSync(made.in('/user-only'), 1000, 1000)
    chmodSync(made.in('/user-only'), 0o700)
    process.capabilities = {}
  })
  for (const folder of ['/root-only', '/user-only']) {
    box.config.process.cwd = folder
    assert.equal(await box.probe('/bin/pwd 2>/dev/null || readlink /proc/self/cwd'), folder)
  }
})

test('a folder that neither may enter is refused', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    inUserNamespace(config)
    made.own(100_000)
    mkdirSync(made.in('/closed'))
    chmodSync(made.in('/closed'), 0o700)
    config.process.cwd = '/closed'
  })
  await box.refused(/process\.cwd.*\/closed.*permission denied/)
})

test('a file is refused', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.cwd = '/etc/passwd'
  })
  await box.refused(/process\.cwd.*not a directory/)
})

test('a descriptor of the host is no way out', { skip }, async (t) => {
  const box = bundle(t)
  const host = openSync('/', 'r')
  try {
    for (let fd = 3; fd < 10; fd += 1) {
      box.config.process.cwd = `/proc/self/fd/${fd}`
      const result = await box.run(['sh', '-c', 'ls ../../../../work'], { fds: [host, host] })
      assert.notEqual(result.status, 0, `fd ${fd}: ${result.stdout}`)
      if (OURS) assert.match(result.stderr, /process\.cwd/)
      box.assertNothingLeft()
    }
    // nor is one that is passed on, on purpose
    box.config.process.cwd = '/proc/self/fd/3'
    box.assertRefusal(await box.run(['true'], { fds: [host], flags: ['--preserve-fds', '1'] }), /process\.cwd/)
  } finally {
    closeSync(host)
  }
})

test('exec --cwd is checked likewise', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.cwd = '/tmp'
  })
  await box.up()
  assert.equal(await box.inside('pwd'), '/tmp')
  assert.equal(await box.inside('pwd', ['--cwd', '/etc']), '/etc')
  const missing = await box.exec(['true'], { flags: ['--cwd', '/missing'] })
  assert.notEqual(missing.status, 0)
  if (OURS) assert.match(missing.stderr, /process\.cwd.*\/missing.*no such file or directory/)
  const host = openSync('/', 'r')
  try {
    const out = await box.exec(['ls', 'work'], { flags: ['--cwd', '/proc/self/fd/3', '--preserve-fds', '1'], fds: [host] })
    assert.notEqual(out.status, 0, out.stdout)
    if (OURS) assert.match(out.stderr, /process\.cwd/)
  } finally {
    closeSync(host)
  }
})

test('exec does not make a missing folder', { skip: skip || wherryOnly('cwd of exec') }, async (t) => {
  const box = bundle(t)
  await box.up()
  assert.equal((await box.exec(['pwd'], { flags: ['--cwd', '/missing'] })).status, 255)
  assert.equal(statSync(box.in('/missing'), { throwIfNoEntry: false }), undefined)
})
