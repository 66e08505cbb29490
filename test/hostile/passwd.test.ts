/** The user database of an image: lines, links and files that are to confuse who reads it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { assertUnseen, canary } from '../support/attack.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { requires } from '../support/requires.ts'
import { wherryOnly } from '../support/runtime.ts'

const skip = requires('root', 'busybox') || wherryOnly('HOME')

/** HOME of a container with this /etc/passwd. */
const home = async (box: Bundle): Promise<string> => {
  box.config.process.env = ['PATH=/bin']
  return box.probe('env | grep -c .; echo "[$HOME]"')
}
const homeOf = (folder: string): string => `4\n[${folder}]`

for (const [name, text, folder] of [
  ['control characters', 'root:x:0:0::/ro\u001b]0;owned\u0007ot:/bin/sh\n', '/'],
  ['a carriage return', 'root:x:0:0::/root\r\nroot2:x:0:0::/other:/bin/sh:/bin/sh\n', '/other'],
  ['a NUL', 'root:x:0:0::/ro\0ot:/bin/sh\n', '/'],
  ['an assignment', 'root:x:0:0::/root LD_PRELOAD=/evil.so:/bin/sh\n', '/root LD_PRELOAD=/evil.so'],
  ['a uid with a sign', 'root:x:+0:0::/evil:/bin/sh\n', '/'],
  ['a uid that wraps around', 'root:x:4294967296:0::/evil:/bin/sh\n', '/'],
  ['too few fields', 'root:x:0:0:/evil\n', '/'],
  ['no end', 'root:x:0:0::/root:/bin/sh', '/root'],
] as const)
  test(`a home with ${name}`, { skip }, async (t) => {
    const box = bundle(t, (_, made) => writeFileSync(made.in('/etc/passwd'), text))
    assert.equal(await home(box), homeOf(folder))
  })

test('/etc/passwd is a link to a file of the host', { skip }, async (t) => {
  const secret = canary(t)
  writeFileSync(`${secret.folder}/canary`, secret.text)
  for (const target of [secret.file, `/../../../../../..${secret.file}`, `/proc/1/root${secret.file}`, '/proc/self/environ']) {
    const box = bundle(t, (_, made) => {
      rmSync(made.in('/etc/passwd'))
      symlinkSync(target, made.in('/etc/passwd'))
    })
    const said = await home(box)
    assertUnseen(secret, said)
    assert.equal(said, homeOf('/'))
  }
})

for (const [name, make] of [
  ['FIFO', (path: string) => execFileSync('mkfifo', [path])],
  ['folder', (path: string) => execFileSync('mkdir', [path])],
  ['device that never ends', (path: string) => execFileSync('mknod', [path, 'c', '1', '5'])],
  ['sparse file of 8 GiB', (path: string) => execFileSync('truncate', ['-s', '8G', path])],
  ['link to itself', (path: string) => symlinkSync('passwd', path)],
] as const)
  test(`/etc/passwd is a ${name}`, { skip }, async (t) => {
    const box = bundle(t, (_, made) => {
      rmSync(made.in('/etc/passwd'))
      make(made.in('/etc/passwd'))
    })
    assert.equal(await home(box), homeOf('/'))
    await box.up()
    assert.equal(await box.inside('echo $HOME'), '/')
  })
