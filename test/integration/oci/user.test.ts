/** process.user, process.env and process.args. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { requires } from '../../support/requires.ts'
import { OURS } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('uid, gid and additional groups are those of the config alone', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.user = { uid: 1234, gid: 2345, additionalGids: [5, 100, 4_000_000_000] }
  })
  assert.deepEqual(await box.lines("grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr '\\t' ' ' | sed 's/ *$//'"), [
    'Uid: 1234 1234 1234 1234',
    'Gid: 2345 2345 2345 2345',
    'Groups: 5 100 4000000000',
  ])
})

test('without additional groups there are none', { skip }, async (t) => {
  assert.equal(await bundle(t).probe('grep Groups: /proc/self/status | tr -d "\\t "'), 'Groups:')
})

test('the umask is that of the config, 0022 without one; exec has it too', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.user.umask = 0o27
  })
  await box.up('umask > /tmp/umask; touch /tmp/file; mkdir /tmp/folder; exec sleep 100000')
  assert.equal(await box.inside('cat /tmp/umask; umask; touch /tmp/exec'), '0027\n0027')
  assert.deepEqual(
    ['file', 'folder', 'exec'].map((name) => statSync(box.in(`/tmp/${name}`)).mode & 0o777),
    [0o640, 0o750, 0o640],
  )
  assert.equal(await bundle(t).probe('umask'), '0022')
})

test('the environment is that of the config', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.env = ['PATH=/bin', 'A=1', 'EMPTY=', 'EQUAL=a=b', 'LINES=one\ntwo', 'A=2', 'HOME=/somewhere']
  })
  assert.deepEqual((await box.run(['env'])).stdout.split('\n').sort(), [
    '',
    'A=2',
    'EMPTY=',
    'EQUAL=a=b',
    'HOME=/somewhere',
    'LINES=one',
    'PATH=/bin',
    'two',
  ])
})

test('HOME comes from the passwd of the container, and is / for who is not in it', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.env = ['PATH=/bin']
  })
  for (const [uid, home] of [
    [0, '/root'],
    [1000, '/home/user'],
    [4711, '/'],
  ] as const) {
    box.config.process.user.uid = uid
    assert.equal(await box.probe('echo $HOME'), home)
  }
})

test('a passwd that is a link out of the image is not followed there', { skip }, async (t) => {
  const box = bundle(t, ({ process }, made) => {
    process.env = ['PATH=/bin']
    process.user.uid = 1000
    writeFileSync(`${made.folder}/passwd`, 'user:x:1000:1000::/of/the/host:/bin/sh\n')
    mkdirSync(made.in('/other'))
    symlinkSync(`../../..${made.folder}/passwd`, made.in('/other/passwd'))
  })
  renameSync(box.in('/other/passwd'), box.in('/etc/passwd'))
  assert.equal(await box.probe('echo $HOME'), '/')
})

test('the program is looked for in PATH of the config, in the container', { skip }, async (t) => {
  const box = bundle(t, ({ process }, made) => {
    process.env = ['PATH=/nowhere:/first:/second:/bin']
    for (const folder of ['first', 'second']) mkdirSync(made.in(`/${folder}`))
    writeFileSync(made.in('/first/tool'), '#!/bin/sh\necho first\n')
    writeFileSync(made.in('/second/tool'), '#!/bin/sh\necho second $0 "$@"\n')
    chmodSync(made.in('/second/tool'), 0o755)
    mkdirSync(made.in('/first/folder'))
    writeFileSync(made.in('/second/folder'), '#!/bin/sh\necho file\n')
    chmodSync(made.in('/second/folder'), 0o755)
  })
  // what may not be executed and folders are passed over
  assert.equal((await box.run(['tool', 'a b', ''])).stdout, 'second /second/tool a b \n')
  assert.equal((await box.run(['folder'])).stdout, 'file\n')
  assert.equal((await box.run(['/second/tool'])).stdout, 'second /second/tool\n')
  assert.equal((await box.run(['./second/tool'])).stdout, 'second ./second/tool\n')
})

test('a program that is not there, or may not be executed, is named', { skip }, async (t) => {
  const box = bundle(t, (_, made) => {
    writeFileSync(made.in('/plain'), 'text')
    writeFileSync(made.in('/script'), '#!/no/such/interpreter\n')
    chmodSync(made.in('/script'), 0o755)
  })
  await box.refused(/exec: "nosuchprogram": executable file not found in \$PATH/, ['nosuchprogram'])
  await box.refused(/exec: "\/no\/such": .*no such file or directory/, ['/no/such'])
  await box.refused(/exec: "\/plain".*permission denied/, ['/plain'])
  await box.refused(/exec:? "?\/bin"?.*permission denied/, ['/bin'])
  const script = await box.run(['/script'])
  assert.match(script.stderr, OURS ? /exec \/script: no such file or directory/ : /no such file or directory/)
  assert.notEqual(script.status, 0)
  box.assertNothingLeft()
})

test('long argument lists and environments arrive', { skip }, async (t) => {
  const box = bundle(t, ({ process }) => {
    process.env.push(...Array.from({ length: 500 }, (_, index) => `V${index}=${'x'.repeat(500)}`))
  })
  const args = Array.from({ length: 1000 }, (_, index) => `${index}-${'y'.repeat(100)}`)
  assert.equal(
    (await box.run(['sh', '-c', 'echo $# $(env | grep -c ^V); shift 999; echo $1', 'sh', ...args])).stdout,
    `1000 500\n${args[999]}\n`,
  )
})
