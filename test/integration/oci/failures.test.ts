/** What fails half-way: the message names the call, its arguments, the errno and a hint; nothing is left behind. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle } from '../../support/bundle.ts'
import type { Config } from '../../support/config.ts'
import { processesOf } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox') || wherryOnly('messages of failed calls')

/** By what fails: the change, and what is said. */
const FAILURES: Readonly<Record<string, readonly [(config: Config, box: Bundle) => unknown, RegExp]>> = {
  'a file system the kernel does not have': [
    ({ mounts }) => mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x' }),
    /mounts\[3\] \/mnt: fsopen fsname="?nosuchfs"?.*: no such device \(the kernel has no such file system/,
  ],
  'an option that the file system does not have': [
    ({ mounts }) => mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'x', options: ['size=nonsense'] }),
    /mounts\[3\] \/mnt.*data=size=nonsense.*fsconfig.*invalid argument \(tmpfs: Bad value for 'size'\)/,
  ],
  'a folder on a file': [
    ({ mounts }, { folder }) => {
      mkdirSync(`${folder}/source`)
      mounts.push({ destination: '/etc/passwd', source: `${folder}/source`, options: ['bind'] })
    },
    /mounts\[3\] \/etc\/passwd.*(move_mount|openat2).*not a directory/i,
  ],
  'a program that is not there': [
    ({ process }) => (process.args = ['/no/such/program']),
    /exec: "\/no\/such\/program".*no such file or directory/,
  ],
  'a sysctl that is not there': [
    ({ linux }) => (linux.sysctl = { 'net.no.such': '1' }),
    /linux\.sysctl net\/no\/such: openat.*no such file or directory/,
  ],
  'a hook that fails': [
    (config) => (config.hooks = { createContainer: [{ path: '/bin/false' }] }),
    /error running createContainer hook #0: \/bin\/false/,
  ],
  'a limit that the kernel does not take': [
    ({ linux }) => (linux.resources = { cpu: { mems: '900' } }),
    /linux\.resources\.cpu\.mems.*(invalid argument|out of range)/i,
  ],
  'an image file where /proc is to be': [
    ({ mounts }) => (mounts[0]!.destination = '/etc/passwd'),
    /mounts\[0\] \/etc\/passwd.*not a directory/i,
  ],
  'memory that init itself does not fit into': [({ linux }) => (linux.resources = { memory: { limit: 8192 } }), /memory/],
  'a namespace that may not be joined': [
    ({ linux }) => linux.namespaces.push({ type: 'time', path: '/proc/self/ns/uts' }),
    /linux\.namespaces\[6\]\.path: .* is a namespace of type uts, not time/,
  ],
}

for (const [what, [change, reason]] of Object.entries(FAILURES))
  test(what, { skip }, async (t) => {
    const box = bundle(t, (config, made) => {
      change(config, made)
    })
    await box.refused(reason)
  })

test('a failure does not touch what was there before', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }, made) => {
    writeFileSync(made.in('/kept'), 'kept')
    mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x' })
  })
  const other = bundle(t)
  await other.up()
  await box.refused(/nosuchfs/)
  assert.ok(existsSync(box.in('/kept')))
  assert.equal((await other.state()).status, 'running')
})

test('an id whose creation failed is free again', { skip }, async (t) => {
  const box = bundle(t, ({ mounts }) => mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x' }))
  await box.refused(/nosuchfs/)
  box.config.mounts.pop()
  assert.equal(await box.probe('echo ran'), 'ran')
})

test('a user without rights is told what is missing', { skip: skip || requires('x64') }, async (t) => {
  const box = bundle(t)
  box.write()
  chmodSync(box.folder, 0o755)
  const root = `${box.folder}/of-the-user`
  mkdirSync(root)
  chownSync(root, 12345, 12345)
  const asUser = ['setpriv', '--reuid', '12345', '--regid', '12345', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all']
  const result = await command([...asUser, RUNTIME, '--root', root, 'run', '--bundle', box.folder, box.id], box.folder, {
    env: { WHERRY_TEST: box.id },
  })
  assert.notEqual(result.status, 0)
  assert.match(result.stderr, /operation not permitted|permission denied|EACCES|EPERM/i)
  assert.deepEqual(processesOf(box.id), [])
})
