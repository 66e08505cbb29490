/** Profiles of seccomp, AppArmor and SELinux. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSeccompProfile } from '../../../../runtime/seccomp/profile.ts'
import { categoriesOf, labelsFor, parseContexts, relabel } from '../../../../runtime/selinux/labels.ts'
import { parseProfiles } from '../../../../runtime/apparmor/load.ts'
import { profileText } from '../../../../runtime/apparmor/profile.ts'
import { WherryError } from '../../../../runtime/errors.ts'

const rules = (
  profile: unknown,
  capabilities: readonly string[] = [],
  arch: 'x64' | 'arm64' = 'x64',
  kernel: readonly [number, number] = [6, 1],
) =>
  readSeccompProfile(typeof profile === 'string' ? profile : JSON.stringify(profile), { capabilities: new Set(capabilities), arch, kernel })

const rule = (name: string, more: object = {}) => ({ names: [name], action: 'SCMP_ACT_ALLOW', ...more })
const ERRNO = { defaultAction: 'SCMP_ACT_ERRNO' }
const names = (...of: Parameters<typeof rules>) => rules(...of).syscalls?.flatMap((one) => one.names)

test('reads conditions of docker’s profiles', () => {
  const profile = {
    ...ERRNO,
    syscalls: [
      rule('always'),
      rule('admin', { includes: { caps: ['CAP_SYS_ADMIN'] } }),
      rule('noadmin', { excludes: { caps: ['CAP_SYS_ADMIN'] } }),
      rule('amd', { includes: { arches: ['amd64', 'x32'] } }),
      rule('notarm', { excludes: { arches: ['arm64'] } }),
      rule('new', { includes: { minKernel: '5.10' } }),
      rule('both', { includes: { caps: ['CAP_SYS_ADMIN', 'CAP_BPF'] } }),
      { name: 'single', action: 'SCMP_ACT_ALLOW' },
    ],
  }
  assert.deepEqual(names(profile), ['always', 'noadmin', 'amd', 'notarm', 'new', 'single'])
  assert.deepEqual(names(profile, ['CAP_SYS_ADMIN']), ['always', 'admin', 'amd', 'notarm', 'new', 'single'])
  assert.deepEqual(names(profile, ['CAP_SYS_ADMIN', 'CAP_BPF'], 'arm64', [5, 9]), ['always', 'admin', 'both', 'single'])
})

test('reads architectures, errnos and arguments of 64 bits', () => {
  const archMap = [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: null },
  ]
  assert.deepEqual(rules({ ...ERRNO, archMap }).architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  assert.deepEqual(rules({ ...ERRNO, archMap }, [], 'arm64').architectures, ['SCMP_ARCH_AARCH64'])
  assert.deepEqual(rules({ ...ERRNO, architectures: ['SCMP_ARCH_ARM'] }).architectures, ['SCMP_ARCH_ARM'])
  assert.equal(rules({ ...ERRNO, defaultErrno: 'ENOSYS', defaultErrnoRet: 38 }).defaultErrnoRet, 38)
  const kept = rules(
    `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errno":"EPERM","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}`,
  ).syscalls?.[0]
  assert.deepEqual([kept?.errnoRet, kept?.args?.[0]?.value], [1, 0xffff_ffff_ffff_ffffn])
})

test('refuses what is no profile', () => {
  const said = (profile: unknown): string => {
    try {
      rules(profile)
    } catch (error) {
      if (error instanceof WherryError) return error.message
      throw error
    }
    return 'nothing'
  }
  assert.match(said('{'), /^it is not valid JSON: /)
  assert.equal(said({}), 'profile.defaultAction: must be there')
  assert.equal(
    said({ ...ERRNO, architectures: ['SCMP_ARCH_ARM'], archMap: [{ architecture: 'SCMP_ARCH_X86_64' }] }),
    'profile: must not have both architectures and archMap',
  )
  assert.equal(
    said({ ...ERRNO, syscalls: [rule('a', { includes: { minKernel: 'new' } })] }),
    'profile.syscalls[0].includes.minKernel: must be a version of the kernel like 4.8, is "new"',
  )
  assert.equal(
    said({ ...ERRNO, syscalls: [{ name: 'a', names: ['b'], action: 'SCMP_ACT_ALLOW' }] }),
    'profile.syscalls[0]: must not have both name and names',
  )
  assert.equal(said({ ...ERRNO, defaultErrno: 'EFROB' }), 'profile.defaultErrno: must be the name of an errno, is "EFROB"')
})

test('writes a profile for AppArmor', () => {
  const text = profileText('name')
  assert.match(text, /^profile name flags=\(attach_disconnected,mediate_deleted\) \{$/m)
  for (const line of ['deny mount,', 'deny @{PROC}/sysrq-trigger rwklx,', 'signal (send,receive) peer=name,'])
    assert.ok(text.includes(`  ${line}\n`), line)
  assert.equal(text.split('{').length, text.split('}').length)
  assert.deepEqual([...parseProfiles('wherry-default (enforce)\nother one (complain)\n')], ['wherry-default', 'other one'])
})

const BASE = { process: 'system_u:system_r:container_t:s0', mount: 'system_u:object_r:container_file_t:s0' }

test('reads what the policy of SELinux has for containers', () => {
  assert.deepEqual(parseContexts(`process = "${BASE.process}"\ncontent = "x"\nfile = "${BASE.mount}"\n`), BASE)
  assert.equal(parseContexts('process = "x"\n'), undefined)
})

test('labels each container with categories of its own', () => {
  const id = `${'0'.repeat(10)}ff${'0'.repeat(52)}`
  assert.equal(categoriesOf(id), 'c0,c255')
  assert.deepEqual(labelsFor(BASE, [], id), { process: `${BASE.process}:c0,c255`, mount: `${BASE.mount}:c0,c255` })
  assert.deepEqual(labelsFor(BASE, ['type:mine_t', 'level:s0:c1'], id), {
    process: 'system_u:system_r:mine_t:s0:c1',
    mount: 'system_u:object_r:container_file_t:s0:c1',
  })
  assert.deepEqual(labelsFor(BASE, ['filetype:files_t'], id)?.mount, 'system_u:object_r:files_t:s0:c0,c255')
  assert.equal(labelsFor(BASE, ['disable'], id), undefined)
})

test('gives two different categories', () => {
  for (let number = 0; number < 3000; number++) {
    const [one, other] = categoriesOf(number.toString(16).padStart(12, '0').padEnd(64, '0')).split(',')
    assert.notEqual(one, other, String(number))
  }
})

test('relabels nothing that the machine needs', () => {
  assert.throws(
    () => relabel('/usr', BASE.mount, 'private'),
    /^WherryError: \/usr is not relabelled for a container, because others need it: leave Z away$/,
  )
})
