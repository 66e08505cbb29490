/** What is decided about a pod before anything is made. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { NamespaceMode, NamespaceOptionSchema, type PodSandboxConfig, PodSandboxConfigSchema } from '../../../../cri/api/api_pb.js'
import { cgroupsPathOf } from '../../../../cri/sandbox/cgroup.ts'
import { namespacesFor } from '../../../../cri/sandbox/namespaces.ts'
import { sysctlsOf, sysctlsWithDefaults } from '../../../../cri/sandbox/sysctls.ts'
import type { Container, Sandbox } from '../../../../cri/state/types.ts'
import { identify } from '../../../../runtime/container/process-id.ts'

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode

const pod = (linux: object = {}): PodSandboxConfig =>
  create(PodSandboxConfigSchema, { metadata: { name: 'p', namespace: 'n', uid: 'u' }, linux })
const modes = (network: NamespaceMode, ipc: NamespaceMode): object => ({ securityContext: { namespaceOptions: { network, ipc } } })

describe('sysctls', () => {
  test('are named with dots or slashes', () => {
    const sysctls = { 'net.ipv4.conf.eth0/1.forwarding': '1', 'kernel/shmmax': '2', 'fs.mqueue.msg_max': '3', 'kernel.sem': '1 2 3 4' }
    assert.deepEqual(sysctlsOf(pod({ ...modes(POD, POD), sysctls })), {
      'net/ipv4/conf/eth0.1/forwarding': '1',
      'kernel/shmmax': '2',
      'fs/mqueue/msg_max': '3',
      'kernel/sem': '1 2 3 4',
    })
  })

  test('that a pod has unless it wants them otherwise', () => {
    assert.deepEqual(sysctlsWithDefaults(pod(modes(NODE, POD)), false), {})
    assert.deepEqual(sysctlsWithDefaults(pod(modes(POD, POD)), true), { 'net/ipv4/ip_unprivileged_port_start': '0' })
    const own = { 'net.ipv4.ip_unprivileged_port_start': '80' }
    assert.deepEqual(sysctlsWithDefaults(pod({ ...modes(POD, POD), sysctls: own }), false), {
      'net/ipv4/ip_unprivileged_port_start': '80',
      'net/ipv4/ping_group_range': '0 2147483647',
    })
  })

  for (const name of [
    'kernel.hostname',
    'kernel.domainname',
    'vm.swappiness',
    'kernel.shm',
    'fs.file-max',
    'net..ipv4',
    'net/../vm/swappiness',
    'fs/mqueue/../file-max',
    '',
  ])
    test(`refused: ${JSON.stringify(name)}`, () =>
      assert.throws(() => sysctlsOf(pod({ sysctls: { [name]: '1' } })), { path: `config.linux.sysctls[${JSON.stringify(name)}]` }))

  test('refused: a value of two lines', () =>
    assert.throws(() => sysctlsOf(pod({ sysctls: { 'net.core.somaxconn': '1\n2' } })), { kind: 'invalid-argument' }))
})

describe('cgroups', () => {
  const cgroupfs = { cgroupDriver: 'cgroupfs' } as const
  const systemd = { cgroupDriver: 'systemd' } as const
  test('are below the pod’s, as the driver names them', () => {
    assert.equal(cgroupsPathOf(cgroupfs, pod({ cgroupParent: '/kubepods/pod1/' }), 'id'), '/kubepods/pod1/id')
    assert.equal(cgroupsPathOf(cgroupfs, pod(), 'id'), '/wherry-id')
    assert.equal(
      cgroupsPathOf(systemd, pod({ cgroupParent: '/kubepods.slice/kubepods-pod1.slice' }), 'id'),
      'kubepods-pod1.slice:cri-wherry:id',
    )
    assert.equal(cgroupsPathOf(systemd, pod(), 'id'), 'system.slice:cri-wherry:id')
  })
  test('refused: a parent for the other driver', () => {
    assert.throws(() => cgroupsPathOf(cgroupfs, pod({ cgroupParent: 'kubepods-pod1.slice' }), 'id'), { path: 'config.linux.cgroup_parent' })
    assert.throws(() => cgroupsPathOf(systemd, pod({ cgroupParent: '/kubepods/pod1' }), 'id'), { path: 'config.linux.cgroup_parent' })
  })
})

describe('namespaces of a container', () => {
  const self = identify(process.pid)
  const at = (name: string): string => `/proc/${process.pid}/ns/${name}`
  const sandbox: Sandbox = {
    version: 1,
    id: 'aa',
    config: pod(),
    runtimeHandler: '',
    created: 0n,
    phase: 'ready',
    boot: '',
    init: self,
    addresses: [],
  }
  const table = (found?: Partial<Container>) => ({ containers: { tryFind: () => found } as never })
  const options = (pid: NamespaceMode, more: MessageInitShape<typeof NamespaceOptionSchema> = {}) =>
    create(NamespaceOptionSchema, { ...more, pid } as MessageInitShape<typeof NamespaceOptionSchema>)
  const shared = [
    { type: 'network', path: at('net') },
    { type: 'ipc', path: at('ipc') },
    { type: 'uts', path: at('uts') },
  ]
  const own = [{ type: 'mount' }, { type: 'cgroup' }]

  test('are the pod’s, but for pids, which are as the container wants them', () => {
    assert.deepEqual(namespacesFor(table(), sandbox), [...shared, { type: 'pid', path: at('pid') }, ...own])
    assert.deepEqual(namespacesFor(table(), sandbox, options(CONTAINER)), [...shared, { type: 'pid' }, ...own])
    assert.deepEqual(namespacesFor(table(), sandbox, options(NODE)), [...shared, ...own])
    const target = { id: 'cc', sandbox: 'aa', phase: 'running', init: self } as const
    assert.deepEqual(namespacesFor(table(target), sandbox, options(TARGET, { targetId: 'cc' })), [
      ...shared,
      { type: 'pid', path: at('pid') },
      ...own,
    ])
    const mapped = { ...sandbox, mappings: { uid: [], gid: [] } }
    assert.deepEqual(namespacesFor(table(), mapped)[0], { type: 'user', path: at('user') })
  })

  test('refused: a target elsewhere, or one that does not run; a pod that is not ready', () => {
    const path = 'config.linux.security_context.namespace_options.target_id'
    assert.throws(() => namespacesFor(table(), sandbox, options(TARGET, { targetId: 'x' })), { path })
    assert.throws(() => namespacesFor(table({ id: 'cc', sandbox: 'bb', phase: 'running', init: self }), sandbox, options(TARGET)), { path })
    assert.throws(() => namespacesFor(table({ id: 'cc', sandbox: 'aa', phase: 'exited' }), sandbox, options(TARGET)), {
      kind: 'failed-precondition',
    })
    assert.throws(() => namespacesFor(table(), { ...sandbox, phase: 'stopped' }), { kind: 'failed-precondition' })
    assert.throws(() => namespacesFor(table(), { ...sandbox, init: { ...self, startTime: 1 } }), { kind: 'failed-precondition' })
  })
})
