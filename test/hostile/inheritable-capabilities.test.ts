/** CVE-2022-29162, CVE-2022-27650: with inheritable capabilities a user gets what is in the inheritable set of a file. */
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { CAPABILITIES } from '../../runtime/sys/abi/capability.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { type Bundle, bundle, succeeded } from '../support/bundle.ts'
import { requires } from '../support/requires.ts'
import { command, RUNTIME } from '../support/runtime.ts'

const skip = requires('root', 'busybox')

const VFS_CAP_REVISION_2 = 0x02000000

/** Gives a file CAP_DAC_OVERRIDE in its inheritable set, struct vfs_cap_data of capabilities(7). */
const setInheritable = (box: Bundle, path: string): void => {
  const data = Buffer.alloc(20)
  data.writeUInt32LE(VFS_CAP_REVISION_2 | 1 /* effective */, 0)
  data.writeUInt32LE(1 << CAPABILITIES.CAP_DAC_OVERRIDE, 8)
  syscall('setxattr', [box.in(path), 'security.capability', data, data.length, 0])
}

const SETS = 'grep ^Cap[IPEA] /proc/self/status | cut -f 2 | sort -u'
const NONE = '0000000000000000'

const gifted = (t: TestContext): Bundle =>
  bundle(t, (_, made) => {
    mkdirSync(made.in('/gifted'))
    copyFileSync('/bin/busybox', made.in('/gifted/busybox'))
    chmodSync(made.in('/gifted/busybox'), 0o755)
    setInheritable(made, '/gifted/busybox')
  })

test('a user does not get them from a file', { skip }, async (t) => {
  const box = gifted(t)
  await box.up()
  for (const flags of [[], ['--cap', 'CAP_DAC_OVERRIDE']])
    assert.equal(await box.inside(`/gifted/busybox sh -c '${SETS}'`, ['--user', '1000', ...flags]), NONE, flags.join(' '))
})

test('but where the config has them, which is what the attack needs', { skip }, async (t) => {
  const box = gifted(t)
  box.config.process.capabilities!.inheritable = ['CAP_DAC_OVERRIDE']
  box.config.process.user = { uid: 1000, gid: 1000 }
  assert.match(await box.probe(`/gifted/busybox grep ^CapEff /proc/self/status`), /2$/)
})

test('exec --cap adds none', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  assert.equal(await box.inside('grep ^CapInh /proc/self/status', ['--cap', 'CAP_NET_ADMIN']), `CapInh:\t${NONE}`)
})

test('the example config has none', { skip }, async (t) => {
  const box = bundle(t)
  succeeded(await command([RUNTIME, 'spec'], box.folder), 'spec')
  const { process } = JSON.parse(readFileSync(`${box.folder}/config.json`, 'utf8')) as {
    process: { capabilities: Record<string, string[]> }
  }
  assert.deepEqual([process.capabilities['inheritable'] ?? [], process.capabilities['ambient'] ?? []], [[], []])
})

test('those of who calls are not passed on', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = ['sh', '-c', SETS]
  box.config.process.user = { uid: 1000, gid: 1000 }
  box.write()
  const words = ['setpriv', '--inh-caps', '+dac_override,+chown', '--ambient-caps', '+dac_override', '--']
  const result = await command([...words, RUNTIME, '--root', box.root, 'run', '--bundle', box.folder, box.id], box.folder)
  assert.equal(succeeded(result, 'run').stdout.trim(), NONE)
})
