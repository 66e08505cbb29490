/** An image’s config and its databases of users, written to get at the host or at root. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { applyConfig } from '../../image/apply/apply.ts'
import { readPasswd } from '../../image/apply/database.ts'
import { resolveUser } from '../../image/apply/user.ts'
import { makeWorkingFolder } from '../../image/apply/working-folder.ts'
import { parseImageConfig } from '../../image/spec/config.ts'
import { canary } from '../support/attack.ts'
import { bytesOf, configJson } from '../support/documents.ts'
import { requires } from '../support/requires.ts'
import { type Tree, tree } from '../support/tree.ts'

const HOST = 'evil:x:0:0::/:/bin/sh\n'

/** A root filesystem whose /etc/passwd is what `make` makes at the path. */
const withPasswd = (t: Parameters<typeof tree>[0], make: (path: string) => void): Tree => {
  const box = tree(t, { 'etc/hostname': '' })
  make(box.in('etc/passwd'))
  return box
}

test('/etc/passwd is a link out of the image', (t) => {
  const secret = canary(t)
  writeFileSync(secret.file, HOST)
  for (const target of [
    secret.file,
    `../../../../../../../../..${secret.file}`,
    `/proc/self/root${secret.file}`,
    `/proc/1/root${secret.file}`,
    '/etc/passwd',
    '/proc/self/fd/0',
  ]) {
    const box = withPasswd(t, (path) => symlinkSync(target, path))
    // a link to itself goes in circles; the others lead to nothing within the image
    if (target === '/etc/passwd') assert.throws(() => readPasswd(box.fd), { kind: 'invalid-argument', message: /links go in circles/ })
    else assert.deepEqual(readPasswd(box.fd), [])
    assert.throws(() => resolveUser(box.fd, 'evil'), /no user of that name|links go in circles/)
  }
  writeFileSync(secret.file, secret.text)
})

test('/etc itself is a link out of the image', (t) => {
  const secret = canary(t)
  const box = tree(t)
  symlinkSync(secret.folder, box.in('etc'))
  mkdirSync(box.in('home'))
  assert.deepEqual(readPasswd(box.fd), [])
})

test('/proc of the host mounted in the image leads nowhere', { skip: requires('root') }, (t) => {
  const secret = canary(t)
  writeFileSync(secret.file, HOST)
  const box = tree(t, { 'etc/x': '' })
  mkdirSync(box.in('proc'))
  execFileSync('mount', ['-t', 'proc', 'proc', box.in('proc')])
  try {
    for (const target of ['/proc/self/root', '/proc/self/cwd', `/proc/${process.pid}/root`]) {
      symlinkSync(`${target}${secret.file}`, box.in('etc/passwd'))
      assert.throws(() => readPasswd(box.fd), { kind: 'invalid-argument', message: /links go in circles, or through \/proc/ })
      assert.throws(() => makeWorkingFolder(box.fd, `${target}${secret.folder}/made`), {
        kind: 'failed-precondition',
        message: /through \/proc/,
      })
      rmSync(box.in('etc/passwd'))
    }
  } finally {
    execFileSync('umount', [box.in('proc')])
  }
  writeFileSync(secret.file, secret.text)
})

for (const [name, make, message] of [
  ['FIFO', (path: string) => execFileSync('mkfifo', [path]), /is no regular file/],
  ['folder', (path: string) => mkdirSync(path), /is no regular file/],
  ['sparse file of 8 GiB', (path: string) => execFileSync('truncate', ['-s', '8G', path]), /has 8589934592 bytes/],
  ['link in circles', (path: string) => symlinkSync('passwd', path), /links go in circles/],
] as const)
  test(`/etc/passwd is a ${name}`, (t) => {
    const box = withPasswd(t, make)
    for (const user of ['', '0', '1000', 'root']) assert.throws(() => resolveUser(box.fd, user), { kind: 'invalid-argument', message })
  })

for (const [name, minor, message] of [
  ['device that never ends', '5', /is no regular file/],
  ['device that is a file of memory', '1', /is no regular file/],
] as const)
  test(`/etc/passwd is a ${name}`, { skip: requires('root') }, (t) => {
    const box = withPasswd(t, (path) => execFileSync('mknod', [path, 'c', '1', minor]))
    assert.throws(() => resolveUser(box.fd, '0'), { kind: 'invalid-argument', message })
  })

test('lines that are to become root', (t) => {
  for (const line of [
    'app:x:4294967296:4294967296::/:/bin/sh',
    'app:x:-4294967296:0::/:/bin/sh',
    'app:x:::::/bin/sh',
    'app:x',
    'app',
    'app:x:0x0:0::/:/bin/sh',
    'app:x: 0:0::/:/bin/sh',
    'app:x:0\0:0::/:/bin/sh',
    'app\rroot:x:0:0::/:/bin/sh',
    'APP:x:0:0::/:/bin/sh',
    'app :x:0:0::/:/bin/sh',
  ]) {
    const { fd } = tree(t, { 'etc/passwd': `${line}\n` })
    assert.throws(() => resolveUser(fd, 'app'), { kind: 'not-found', message: /no user of that name/ }, line)
  }
  // a number is one, whatever the database calls root
  const { fd } = tree(t, { 'etc/passwd': '1000:x:0:0::/root:/bin/sh\n', 'etc/group': '1000:x:0:1000\n' })
  assert.deepEqual(resolveUser(fd, '1000:1000'), { uid: 1000, gid: 1000, additionalGids: [1000], home: '/' })
})

test('a home that writes lines', (t) => {
  for (const home of ['/a\u001b]0;x\u0007', '/a\rroot::0:0::/:/bin/sh', '/a\u0085b']) {
    const { fd } = tree(t, { 'etc/passwd': `app:x:5:5::${home}:/bin/sh\n` })
    assert.throws(() => resolveUser(fd, 'app'), { kind: 'not-found' })
  }
  for (const text of ['HOME=/a\nroot::0:0::/:/bin/sh', 'HOME=/a\r'])
    assert.throws(() => parseImageConfig(bytesOf(configJson({ Env: [text] }))), { message: /Env\[0\]: must not have control characters/ })
})

test('a database of four megabytes takes no more than it should', (t) => {
  const line = 'x:x:5:5::/:/bin/sh\n'
  const { fd } = tree(t, { 'etc/passwd': line.repeat(200_000), 'etc/group': `g:x:5:${'x,'.repeat(2_000_000)}\n` })
  assert.equal(resolveUser(fd, 'x').uid, 5)
})

test('so many groups that no process can have them', (t) => {
  const group = Array.from({ length: 70_000 }, (_, gid) => `g${gid}:x:${gid + 1}:app`).join('\n')
  const { fd } = tree(t, { 'etc/passwd': 'app:x:5:5::/:/bin/sh\n', 'etc/group': group })
  assert.throws(() => resolveUser(fd, 'app'), { kind: 'invalid-argument', message: /in 70000 groups, more than the 65536/ })
})

test('a working directory out of the image is made within it', (t) => {
  const secret = canary(t)
  const box = tree(t, { 'a/x': '' })
  symlinkSync(secret.folder, box.in('out'))
  symlinkSync('../../../../../../../../..', box.in('a/up'))
  symlinkSync(`../../../../../../../../..${secret.folder}/made`, box.in('a/dangling'))
  for (const path of ['/out/made', `/a/up${secret.folder}/made2`, '/a/dangling/made3', `/../../../..${secret.folder}/made4`]) {
    makeWorkingFolder(box.fd, path)
    assert.deepEqual(readdirSync(secret.folder), ['canary'])
  }
  // the same path within
  assert.deepEqual(readdirSync(box.in(secret.folder)).sort(), ['made', 'made2', 'made4'])
  assert.ok(existsSync(box.in(`${secret.folder}/made/made3`)))
})

test('WORKDIR of a descriptor of ours (CVE-2024-21626)', (t) => {
  const secret = canary(t)
  const { cwd } = applyConfig(parseImageConfig(bytesOf(configJson({ WorkingDir: '/proc/self/fd/7/../../../etc', Cmd: ['x'] }))).config)
  assert.equal(cwd, '/proc/etc')
  const box = tree(t)
  makeWorkingFolder(box.fd, `/proc/self/fd/${box.fd}/x`)
  assert.ok(existsSync(box.in(`proc/self/fd/${box.fd}/x`)))
  assert.deepEqual(readdirSync(secret.folder), ['canary'])
})

test('a volume out of the image (CVE-2022-23648)', () => {
  const volumes = (path: string): readonly string[] => applyConfig({ Cmd: ['x'], Volumes: [path] }).volumes
  assert.deepEqual(volumes('/../../../etc'), ['/etc'])
  assert.throws(() => volumes('/../..'), { message: /would be the root itself/ })
  assert.throws(() => parseImageConfig(bytesOf(configJson({ Volumes: { '/a\u0000b': {} } }))), {
    message: /Volumes\[.*\]: must not have a NUL/,
  })
})
