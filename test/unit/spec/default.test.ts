import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSpec } from '../../../runtime/spec/default.ts'
import { features } from '../../../runtime/spec/features.ts'
import { parseJson, stringifyJson } from '../../../runtime/spec/json.ts'
import { parseSpec } from '../../../runtime/spec/parse.ts'
import type { Spec } from '../../../runtime/spec/types.ts'

const written = (spec: Spec) => parseJson(stringifyJson(spec, '\t')) as Record<string, Record<string, unknown>>

test('the default config is one that the parser accepts without a warning', () => {
  for (const rootless of [undefined, { uid: 1000, gid: 100 }])
    for (const cgroupNamespace of [false, true]) parseSpec(written(defaultSpec({ rootless, cgroupNamespace })), '/bundle', assert.fail)
})

test('the default config has the fields of runc, in their order', () => {
  const spec = written(defaultSpec({ rootless: undefined, cgroupNamespace: false }))
  assert.deepEqual(Object.keys(spec), ['ociVersion', 'process', 'root', 'hostname', 'mounts', 'linux'])
  assert.deepEqual(Object.keys(spec['process'] ?? {}), [
    'terminal',
    'user',
    'args',
    'env',
    'cwd',
    'capabilities',
    'rlimits',
    'noNewPrivileges',
  ])
  assert.deepEqual(Object.keys(spec['process']?.['capabilities'] ?? {}), ['bounding', 'effective', 'permitted'])
  assert.deepEqual(spec['process']?.['rlimits'], [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }])
  assert.deepEqual(Object.keys(spec['linux'] ?? {}), ['resources', 'namespaces', 'maskedPaths', 'readonlyPaths'])
  assert.deepEqual(
    defaultSpec({ rootless: undefined, cgroupNamespace: true }).linux.namespaces?.map(({ type }) => type),
    ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'],
  )
})

test('the default config of an unprivileged user maps this user', () => {
  const { linux, mounts } = defaultSpec({ rootless: { uid: 1000, gid: 100 }, cgroupNamespace: false })
  assert.deepEqual(linux.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }])
  assert.deepEqual(linux.gidMappings, [{ containerID: 0, hostID: 100, size: 1 }])
  assert.deepEqual(
    linux.namespaces?.map(({ type }) => type),
    ['pid', 'ipc', 'uts', 'mount', 'user'],
  )
  assert.equal(linux.resources, undefined)
  assert.equal(
    mounts?.some(({ options }) => options?.includes('gid=5')),
    false,
  )
  assert.deepEqual(mounts?.find(({ destination }) => destination === '/sys')?.options, ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'])
})

test('the features document names what the kernel and libseccomp have', () => {
  const known = features({
    lastCapability: 37,
    seccomp: { archs: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'], supportedFlags: ['SECCOMP_FILTER_FLAG_LOG'] },
    annotations: { 'org.example.version': '1' },
  })
  assert.equal(known.ociVersionMin, '1.0.0')
  assert.equal(known.ociVersionMax, '1.2.1')
  assert.equal(known.linux.capabilities.at(-1), 'CAP_AUDIT_READ')
  assert.deepEqual(known.linux.seccomp.archs, ['SCMP_ARCH_X86', 'SCMP_ARCH_X86_64'])
  assert.deepEqual(known.linux.seccomp.supportedFlags, ['SECCOMP_FILTER_FLAG_LOG'])
  assert.equal(known.linux.intelRdt.enabled, false)
  assert.deepEqual(known.linux.namespaces, ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'])
  assert.deepEqual(known.annotations, { 'org.example.version': '1' })

  const unknown = features({ lastCapability: undefined, seccomp: undefined, annotations: {} })
  assert.equal(unknown.linux.capabilities.length, 41)
  assert.deepEqual(unknown.linux.seccomp, { enabled: false })
})
