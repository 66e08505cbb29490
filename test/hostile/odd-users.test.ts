/** CVE-2024-40635: a user that is no number, or one beyond 32 bits, becomes root. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../support/bundle.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

/** What has been taken for 0 somewhere: by wrapping around, by stopping at a letter, by falling back. */
const ODD = [
  '4294967295',
  '4294967296',
  '8589934592',
  '18446744073709551616',
  '-1',
  '-4294967296',
  '+0',
  ' 0',
  '0 ',
  '0x0',
  '00x',
  '1e3',
  '0.0',
  '٠',
  'root',
  'nobody',
  '-',
  ':',
  '0:',
  '0:4294967296',
  '0:-1',
  '0:root',
  '0:0:0',
  '\u0000',
  '%30',
]

test('exec --user', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  for (const user of ODD) {
    if (user.includes('\0')) continue // no argument can have it
    const { status, stdout, stderr } = await box.exec(['id', '-u'], { flags: ['--user', user] })
    assert.notEqual(status, 0, `${JSON.stringify(user)}: ${stdout}`)
    assert.equal(stdout, '')
    assert.match(stderr, /user|uid|gid|numeric/i)
  }
})

test('uid and gid of a config', { skip }, async (t) => {
  for (const field of ['uid', 'gid', 'umask'] as const)
    for (const value of [...ODD, 4294967295, 4294967296, 2 ** 53, -1, 0.5, true, [0], { uid: 0 }]) {
      const box = bundle(t)
      box.config.process.args = ['id', '-u']
      box.write()
      const config = structuredClone(box.config) as unknown as { process: { user: Record<string, unknown> } }
      config.process.user[field] = value
      writeFileSync(`${box.folder}/config.json`, JSON.stringify(config))
      const { status, stdout, stderr } = await box.runtime(['run', '--bundle', box.folder, box.id])
      assert.equal(status, 1, `${field} ${JSON.stringify(value)}: ${stdout}`)
      assert.match(stderr, new RegExp(`process\\.user\\.${field}`))
      await box.remove()
    }
})

test('a name of the image never stands for a number', { skip }, async (t) => {
  const box = bundle(t, (_, made) => {
    writeFileSync(made.in('/etc/passwd'), '1000:x:0:0::/root:/bin/sh\nuser:x:0:0::/:/bin/sh\n')
    writeFileSync(made.in('/etc/group'), '1000:x:0:\n')
  })
  await box.up()
  assert.equal(await box.inside('id -u; id -g', ['--user', '1000:1000']), '1000\n1000')
})
