import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGroup, parsePasswd } from '../../../../image/apply/database.ts'
import { resolveUser } from '../../../../image/apply/user.ts'
import { tree } from '../../../support/tree.ts'

const PASSWD = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:An app:/srv/app:/bin/sh
1234:x:0:0::/evil:/bin/sh
nohome:x:7:7:::/bin/sh
`
const GROUP = `root:x:0:
staff:x:50:app,other
wheel:x:10:root,app
app:x:1001:
2000:x:0:
`
const FILES = { 'etc/passwd': PASSWD, 'etc/group': GROUP }

for (const [user, uid, gid, groups, home] of [
  ['', 0, 0, [0, 10], '/root'],
  ['root', 0, 0, [0, 10], '/root'],
  ['0', 0, 0, [0, 10], '/root'],
  ['app', 1000, 1001, [1001, 50, 10], '/srv/app'],
  ['1000', 1000, 1001, [1001, 50, 10], '/srv/app'],
  ['01000', 1000, 1001, [1001, 50, 10], '/srv/app'],
  ['app:staff', 1000, 50, [50], '/srv/app'],
  ['app:7', 1000, 7, [7], '/srv/app'],
  ['5:staff', 5, 50, [50], '/'],
  ['5:6', 5, 6, [6], '/'],
  ['5', 5, 0, [0], '/'],
  ['1234', 1234, 0, [0], '/'],
  ['5:2000', 5, 2000, [2000], '/'],
  ['nohome', 7, 7, [7], '/'],
  ['4294967294:4294967294', 4294967294, 4294967294, [4294967294], '/'],
] as const)
  test(`user ${JSON.stringify(user)}`, (t) => {
    const found = resolveUser(tree(t, FILES).fd, user)
    assert.deepEqual([found.uid, found.gid, found.additionalGids, found.home], [uid, gid, groups, home])
  })

/** CVE-2024-40635 and what has been taken for 0 elsewhere. */
for (const [user, kind, message] of [
  ['4294967295', 'invalid-argument', /uid 4294967295 is not from 0 to 4294967294/],
  ['4294967296', 'invalid-argument', /uid 4294967296/],
  ['18446744073709551616', 'invalid-argument', /uid 18446744073709551616/],
  ['0:4294967295', 'invalid-argument', /gid 4294967295/],
  ['-1', 'not-found', /no user of that name/],
  ['+0', 'not-found', /no user of that name/],
  [' 0', 'not-found', /no user of that name/],
  ['0x0', 'not-found', /no user of that name/],
  ['1e3', 'not-found', /no user of that name/],
  ['٠', 'not-found', /no user of that name/],
  ['nobody', 'not-found', /no user of that name; use one that it has, or a number/],
  ['app:nogroup', 'not-found', /\/etc\/group has no group "nogroup"/],
  ['0:-1', 'not-found', /no group "-1"/],
  [':', 'invalid-argument', /group behind the colon is missing/],
  ['0:', 'invalid-argument', /group behind the colon is missing/],
  [':0', 'invalid-argument', /user before the colon is missing/],
  ['0:0:0', 'invalid-argument', /more than one colon/],
  ['app\nroot', 'invalid-argument', /has control characters/],
] as const)
  test(`refused: user ${JSON.stringify(user)}`, (t) => {
    assert.throws(() => resolveUser(tree(t, FILES).fd, user), { kind, message })
  })

test('an image without a database', (t) => {
  const { fd } = tree(t)
  assert.deepEqual(resolveUser(fd), { uid: 0, gid: 0, additionalGids: [0], home: '/' })
  assert.deepEqual(resolveUser(fd, '5:6'), { uid: 5, gid: 6, additionalGids: [6], home: '/' })
  assert.throws(() => resolveUser(fd, 'root'), { kind: 'not-found' })
})

test('further groups', (t) => {
  const { fd } = tree(t, FILES)
  assert.deepEqual(resolveUser(fd, 'app', { groups: ['staff', '99', '1001'] }).additionalGids, [1001, 50, 10, 99])
  assert.throws(() => resolveUser(fd, 'app', { groups: ['x'] }), { kind: 'not-found', message: /no group "x"/ })
})

test('lines that are no entries', () => {
  const lines = [
    '',
    '# comment',
    'short:x:1:1',
    '+nis',
    'neg:x:-1:0::/:/',
    'hex:x:0x0:0::/:/',
    'empty:x:::::',
    ':x:0:0::/:/',
    'wrap:x:4294967296:0::/:/',
    'nul:x:0:0::/\0:/',
  ]
  assert.deepEqual(parsePasswd(Buffer.from(lines.join('\n'))), [])
  assert.deepEqual(parsePasswd(Buffer.from('crlf:x:5:6::/h:/bin/sh\r\n')), [{ name: 'crlf', uid: 5, gid: 6, home: '/h' }])
  assert.deepEqual(parseGroup(Buffer.from('a:x:\nb:x:x:m\nc\n:x:0:\nd:x:5:m,,n')), [{ name: 'd', gid: 5, members: 'm,,n' }])
})

test('homes that are none', (t) => {
  for (const home of ['relative', '', `/${'x'.repeat(5000)}`])
    assert.equal(resolveUser(tree(t, { 'etc/passwd': `u:x:5:5::${home}:/bin/sh\n` }).fd, 'u').home, '/')
})
