/** CVE-2022-0811, CVE-2024-3154: a setting of the container that is one of the host, by its name, its value or its path. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { test, type TestContext } from 'node:test'
import { canary } from '../support/attack.ts'
import { bundle } from '../support/bundle.ts'
import { requires } from '../support/requires.ts'
import { wherryOnly } from '../support/runtime.ts'

const skip = requires('root', 'busybox')

const HOST_FILES = [
  'kernel/core_pattern',
  'kernel/hostname',
  'net/ipv4/ip_default_ttl',
  'net/ipv4/ip_forward',
  'kernel/msgmax',
  'vm/overcommit_memory',
]
const hostValues = (): string[] => HOST_FILES.map((file) => readFileSync(`/proc/sys/${file}`, 'utf8'))

/** The settings of the host must be the same when the test ends. */
const watchHost = (t: TestContext): void => {
  const before = hostValues()
  t.after(() => assert.deepEqual(hostValues(), before))
}

/** Names of what is the host's, in all the ways that they have been written. */
const NAMES = [
  'kernel.core_pattern',
  'kernel/core_pattern',
  '/kernel/core_pattern',
  './kernel/core_pattern',
  'net.ipv4/../../kernel/core_pattern',
  'net/../kernel/core_pattern',
  'net/ipv4/../../kernel/core_pattern',
  'net...kernel.core_pattern',
  'fs.mqueue.../../kernel/core_pattern',
  'fs/mqueue/../../kernel/core_pattern',
  'kernel.msgmax/../core_pattern',
  'kernel.shm_rmid_forced\nkernel.core_pattern',
  'net.ipv4.ip_forward=1\nkernel.core_pattern',
  'kernel.hostname',
  'vm.overcommit_memory',
  'user.max_user_namespaces',
  'fs.suid_dumpable',
  '',
  '.',
  '..',
  '/',
]

test('names of sysctls', { skip }, async (t) => {
  watchHost(t)
  for (const name of NAMES) {
    const box = bundle(t, ({ linux }) => {
      linux.sysctl = { [name]: '|/tmp/evil' }
    })
    await box.refused(/linux\.sysctl/)
    await box.remove()
  }
})

test('values of sysctls', { skip }, async (t) => {
  watchHost(t)
  for (const value of [
    '1+kernel.core_pattern=|/tmp/evil',
    '1 kernel.core_pattern=|/tmp/evil',
    '1\nkernel.core_pattern=|/tmp/evil',
    '1;x',
    '$(id)',
    '`id`',
    '1,2',
  ]) {
    const box = bundle(t, ({ linux }) => {
      linux.sysctl = { 'kernel.shm_rmid_forced': value }
    })
    const { status, stderr } = await box.run(['true'])
    if (status !== 0) assert.match(stderr, /linux\.sysctl/) // the kernel takes a number and leaves the rest
    await box.remove()
  }
})

test('sysctls and names of a namespace that is the host’s by its path', { skip }, async (t) => {
  watchHost(t)
  for (const [type, file, change] of [
    ['network', 'net', { 'net.ipv4.ip_default_ttl': '13' }],
    ['network', 'net', { 'net/ipv4/ip_forward': '7' }],
    ['ipc', 'ipc', { 'kernel.msgmax': '4242' }],
  ] as const) {
    const box = bundle(t, ({ linux }) => {
      linux.namespaces = [...linux.namespaces.filter((one) => one.type !== type), { type, path: `/proc/${process.pid}/ns/${file}` }]
      linux.sysctl = { ...change }
    })
    await box.refused(/linux\.sysctl.*host/)
  }
  const named = bundle(t, (config) => {
    config.linux.namespaces = [...config.linux.namespaces.filter((one) => one.type !== 'uts'), { type: 'uts', path: '/proc/self/ns/uts' }]
    config.hostname = 'owned'
  })
  const before = hostname()
  await named.run(['true'])
  assert.equal(hostname(), before)
})

test('cgroupsPath leads nowhere else', { skip }, async (t) => {
  const secret = canary(t)
  for (const up of ['/../../../../..', '../../../../..', '/a/../../../../../..']) {
    const box = bundle(t)
    box.config.linux.cgroupsPath = `${up}${secret.folder}/${box.id}`
    await box.run(['true'])
    assert.ok(!existsSync(`${secret.folder}/${box.id}`))
  }
  const box = bundle(t)
  for (const path of ['/', '/..', '..', '/a/..', 'a\nb', 'a\u0000b']) {
    box.config.linux.cgroupsPath = path
    box.write()
    const { status, stderr } = await box.runtime(['run', '--bundle', box.folder, box.id])
    assert.equal(status, 1, path)
    assert.match(stderr, /linux\.cgroupsPath/)
  }
  box.config.linux.cgroupsPath = `/${box.id}`
})

test('ids are no paths', { skip: skip || wherryOnly('messages') }, async (t) => {
  const box = bundle(t)
  box.write()
  mkdirSync(`${box.folder}/outside`)
  for (const id of [
    '..',
    '.',
    '../outside',
    'a/../../outside',
    '/etc',
    '@journal',
    '@cache',
    'a\nb',
    'a b',
    '',
    'x'.repeat(256),
    '\u202egnp',
    '--help/..',
  ])
    for (const verb of [['run', '--bundle', box.folder], ['delete', '--force'], ['state'], ['kill']]) {
      const { status, stderr } = await box.runtime([...verb, '--', id])
      assert.equal(status, 1, `${verb[0]} ${JSON.stringify(id)}: ${stderr}`)
    }
  assert.ok(existsSync(`${box.folder}/outside`))
})

test('annotations are words, not settings', { skip }, async (t) => {
  const secret = canary(t)
  const box = bundle(t, (config) => {
    config.annotations = {
      'run.oci.handler': secret.file,
      'run.oci.hooks.stdout': `${secret.folder}/made`,
      'run.oci.seccomp.receiver': `${secret.folder}/socket`,
      'run.oci.mount_context_type': 'rootcontext',
      'org.systemd.property.ExecStopPost': `['${secret.folder}/evil']`,
      'io.kubernetes.cri-o.userns-mode': 'auto',
      'line\nbreak': 'value\nlevel=error msg="owned"',
    }
  })
  await box.up()
  const { annotations } = await box.state()
  assert.equal(annotations?.['line\nbreak'], 'value\nlevel=error msg="owned"')
  assert.equal((await box.runtime(['list'])).stdout.trim().split('\n').length, 2)
})
