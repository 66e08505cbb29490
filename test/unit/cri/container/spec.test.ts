/** From ContainerConfig to the runtime-spec, without a machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type CapabilitySchema,
  ContainerConfigSchema,
  LinuxContainerResourcesSchema,
  MountPropagation,
  PodSandboxConfigSchema,
  Signal,
} from '../../../../cri/api/api_pb.js'
import { NO_EDITS } from '../../../../cri/container/cdi/types.ts'
import { applied, buildSpec } from '../../../../cri/container/spec/build.ts'
import { capabilitySets } from '../../../../cri/container/spec/capabilities.ts'
import { checkConfig } from '../../../../cri/container/spec/check.ts'
import type { SpecFacts } from '../../../../cri/container/spec/facts.ts'
import { linuxResources, mergedResources, oomScoreAdj } from '../../../../cri/container/spec/resources.ts'
import { stopSignalNumber, stopSignalOf } from '../../../../cri/container/spec/stop-signal.ts'
import { wantedUser } from '../../../../cri/container/spec/user.ts'
import { DEFAULT_CAPABILITIES } from '../../../../runtime/capabilities.ts'
import { InvalidField } from '../../../../runtime/errors.ts'
import { parseJson, stringifyJson } from '../../../../runtime/spec/json.ts'
import { parseSpec } from '../../../../runtime/spec/parse.ts'
import { MACHINE } from '../../../support/spec-facts.ts'

type Init = Exclude<MessageInitShape<typeof ContainerConfigSchema>, { $typeName: 'runtime.v1.ContainerConfig' }>

const config = (init: Init = {}) =>
  create(ContainerConfigSchema, { metadata: { name: 'c', attempt: 0 }, image: { image: 'i' }, command: ['run'], ...init })

const FACTS: SpecFacts = {
  machine: MACHINE,
  rootfs: '/run/rootfs',
  sandbox: { config: create(PodSandboxConfigSchema, {}) },
  user: { uid: 0, gid: 0, additionalGids: [0] },
  files: { hostname: '/f/hostname', hosts: '/f/hosts', resolvConf: '/f/resolv.conf' },
  shm: '/f/shm',
  namespaces: [{ type: 'mount' }, { type: 'cgroup' }, { type: 'pid' }],
  cgroupsPath: '/pods/c',
  sources: new Map(),
  devices: [],
  cdi: NO_EDITS,
  annotations: { ours: '1' },
  restrictOomScoreAdj: true,
}

/** As the engine reads it. */
const spec = (init: Init = {}, facts: Partial<SpecFacts> = {}, image = {}) => {
  const whole = config(init)
  checkConfig(whole)
  const built = buildSpec(whole, applied(whole, image, 'host'), { ...FACTS, ...facts })
  return parseSpec(parseJson(stringifyJson(built.spec)), '/bundle', (warning) => assert.fail(warning))
}

const refuses = (work: () => unknown, path: string): void =>
  assert.throws(work, (error) => error instanceof InvalidField && error.path === path, path)

test('command and args over Entrypoint and Cmd', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['default'] }
  const args = (command: string[], given: string[]) => spec({ command, args: given }, {}, image).process.args
  assert.deepEqual(args([], []), ['/entry', 'default'])
  assert.deepEqual(args([], ['a']), ['/entry', 'a'])
  assert.deepEqual(args(['x'], []), ['x'])
  assert.deepEqual(args(['x'], ['a']), ['x', 'a'])
  refuses(() => spec({ command: [] }), 'config.command')
})

test('environment: the image’s, HOSTNAME and TERM where nobody has them, the config’s last', () => {
  const { env } = spec(
    { tty: true, envs: [{ key: 'A', value: Buffer.from('config') }] },
    { cdi: { ...NO_EDITS, env: ['C=cdi'] } },
    { Env: ['A=image', 'B=image', 'HOSTNAME=image'] },
  ).process
  assert.deepEqual(
    env?.filter((entry) => !entry.startsWith('PATH=')),
    ['A=config', 'B=image', 'HOSTNAME=image', 'TERM=xterm', 'C=cdi'],
  )
  assert.ok(spec().process.env?.includes('HOSTNAME=host'))
})

test('capabilities', () => {
  const names = (capabilities: MessageInitShape<typeof CapabilitySchema> | undefined, privileged = false, userNamespace = false) =>
    capabilitySets(
      {
        capabilities: create(ContainerConfigSchema, { linux: { securityContext: capabilities === undefined ? {} : { capabilities } } })
          .linux?.securityContext?.capabilities,
        privileged,
        userNamespace,
      },
      { capabilities: { known: ['CAP_CHOWN', 'CAP_BPF', 'CAP_SYSLOG'], own: ['CAP_CHOWN', 'CAP_BPF'] } },
    )
  assert.deepEqual(names(undefined).bounding, DEFAULT_CAPABILITIES)
  assert.deepEqual(names({ addCapabilities: ['all'] }).bounding, ['CAP_CHOWN', 'CAP_BPF'])
  assert.deepEqual(names(undefined, true, true).effective, ['CAP_CHOWN', 'CAP_BPF', 'CAP_SYSLOG'])
  assert.deepEqual(names({ dropCapabilities: ['ALL'], addCapabilities: ['ALL', 'cap_kill'] }).permitted, ['CAP_KILL'])
  assert.deepEqual(names({ dropCapabilities: ['ALL', 'KILL'], addCapabilities: ['KILL'] }).bounding, [])
  assert.deepEqual(names({ dropCapabilities: ['ALL'], addAmbientCapabilities: ['KILL'] }), {
    bounding: ['CAP_KILL'],
    effective: ['CAP_KILL'],
    permitted: ['CAP_KILL'],
    inheritable: ['CAP_KILL'],
    ambient: ['CAP_KILL'],
  })
  refuses(() => names({ dropCapabilities: ['FLY'] }), 'config.linux.security_context.capabilities.drop_capabilities[0]')
})

test('resources', () => {
  const of = (init: MessageInitShape<typeof LinuxContainerResourcesSchema>, cgroup = MACHINE.cgroup) =>
    linuxResources(create(LinuxContainerResourcesSchema, init), { cgroup })
  assert.deepEqual(of({ cpuShares: 1024n, cpuQuota: -1n, cpusetCpus: '0-1' }), { cpu: { shares: 1024, quota: -1, cpus: '0-1' } })
  assert.deepEqual(of({ memoryLimitInBytes: 100n }).memory, { limit: 100n, swap: 100n })
  assert.deepEqual(of({ memoryLimitInBytes: 100n, memorySwapLimitInBytes: 150n }).memory, { limit: 100n, swap: 150n })
  assert.deepEqual(of({ memoryLimitInBytes: 100n }, { ...MACHINE.cgroup, swap: false }).memory, { limit: 100n })
  assert.deepEqual(of({ unified: { 'memory.oom.group': '1' } }), { unified: { 'memory.oom.group': '1' } })
  assert.deepEqual(of({}), {})
  refuses(() => of({ unified: { a: '1' } }, { ...MACHINE.cgroup, layout: 'hybrid' }), 'config.linux.resources.unified')
  refuses(() => of({ cpuShares: 1n }), 'config.linux.resources.cpu_shares')
  const before = create(LinuxContainerResourcesSchema, { cpuShares: 5n, memoryLimitInBytes: 7n, unified: { a: '1' } })
  const merged = mergedResources(before, create(LinuxContainerResourcesSchema, { memoryLimitInBytes: 9n, unified: { b: '2' } }))
  assert.deepEqual([merged.cpuShares, merged.memoryLimitInBytes, merged.unified], [5n, 9n, { a: '1', b: '2' }])
})

test('oom_score_adj is raised to what can be set, where that is wanted', () => {
  const resources = create(LinuxContainerResourcesSchema, { oomScoreAdj: -997n })
  assert.equal(oomScoreAdj(resources, { oomScoreAdj: 0 }, true), 0)
  assert.equal(oomScoreAdj(resources, { oomScoreAdj: 0 }, false), -997)
  assert.equal(oomScoreAdj(undefined, { oomScoreAdj: -500 }, true), 0)
  assert.equal(oomScoreAdj(undefined, { oomScoreAdj: 0 }, true), undefined)
})

test('mounts: what is ours gives way, parents come first', () => {
  const mount = (containerPath: string, more = {}) => ({ containerPath, hostPath: `/h${containerPath}`, ...more })
  const mounts = [
    mount('/a/b/c'),
    mount('/a'),
    mount('/etc/hosts', { readonly: true }),
    mount('/dev', { propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL }),
  ]
  const built = spec({ mounts }, { sources: new Map(mounts.map(({ hostPath }, index) => [index, { kind: 'path', path: hostPath }])) })
  const destinations = built.mounts?.map(({ destination }) => destination)
  assert.deepEqual(destinations, [
    '/proc',
    '/sys',
    '/sys/fs/cgroup',
    '/a',
    '/dev',
    '/etc/hostname',
    '/etc/resolv.conf',
    '/etc/hosts',
    '/a/b/c',
  ])
  assert.deepEqual(built.mounts?.find(({ destination }) => destination === '/etc/hosts')?.options, ['rbind', 'rprivate', 'ro'])
  assert.equal(built.linux.rootfsPropagation, 'rshared')
})

test('a privileged container', () => {
  const { linux, mounts, process } = spec(
    { linux: { securityContext: { privileged: true, maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'] } } },
    { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } },
  )
  assert.equal(linux.seccomp, undefined)
  assert.deepEqual([linux.maskedPaths ?? [], linux.readonlyPaths ?? []], [[], []])
  assert.deepEqual(
    linux.namespaces?.map(({ type }) => type),
    ['mount', 'pid'],
  )
  assert.deepEqual(
    linux.resources?.devices?.map(({ allow, type, access }) => [allow, type, access]),
    [[true, undefined, 'rwm']],
  )
  for (const path of ['/sys', '/sys/fs/cgroup']) assert.ok(mounts?.find(({ destination }) => destination === path)?.options?.includes('rw'))
  assert.ok((process.capabilities?.bounding?.length ?? 0) > 30)
})

test('annotations are ours alone', () => {
  assert.deepEqual(spec({ annotations: { 'org.systemd.property.ExecStart': 'x' } }).annotations, { ours: '1' })
})

test('in a user namespace of the pod files of ours are shown with its ids', () => {
  const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
  const mappings = { uid: ids, gid: ids }
  const own = [{ containerId: 0, hostId: 100_000, length: 65_536 }]
  const built = spec(
    {
      mounts: [
        { containerPath: '/same', hostPath: '/h', uidMappings: own, gidMappings: own },
        { containerPath: '/other', hostPath: '/h', uidMappings: [{ ...own[0]!, hostId: 5 }], gidMappings: own },
      ],
    },
    {
      namespaces: [{ type: 'mount' }, { type: 'user', path: '/proc/1/ns/user' }],
      sandbox: { ...FACTS.sandbox, mappings },
      sources: new Map([0, 1].map((index) => [index, { kind: 'path', path: '/h' }])),
    },
  )
  const at = (path: string) => built.mounts?.find(({ destination }) => destination === path)
  assert.ok(at('/etc/hosts')?.options?.includes('idmap'))
  assert.deepEqual([at('/same')?.options?.includes('idmap'), at('/same')?.uidMappings], [true, undefined])
  assert.deepEqual(at('/other')?.uidMappings, [{ containerID: 0, hostID: 5, size: 65_536 }])
})

test('signals by the names of the API', () => {
  assert.equal(stopSignalNumber(Signal.RUNTIME_DEFAULT), undefined)
  assert.equal(stopSignalNumber(Signal.SIGTERM), 15)
  assert.equal(stopSignalNumber(Signal.SIGRTMINPLUS1), 35)
  assert.equal(stopSignalNumber(Signal.SIGRTMAXMINUS1), 63)
  for (const number of [1, 2, 9, 15, 17, 29, 34, 49, 50, 64]) assert.equal(stopSignalNumber(stopSignalOf(number)), number)
})

test('users', () => {
  const of = (context: object, image = '') =>
    wantedUser(create(ContainerConfigSchema, { linux: { securityContext: context } }).linux?.securityContext, image)
  assert.deepEqual(of({}, 'alice:staff'), { user: 'alice', group: 'staff', supplementalGroups: [], strict: false })
  assert.deepEqual(of({ runAsUser: { value: 5n } }, 'alice:staff'), { user: '5', group: undefined, supplementalGroups: [], strict: false })
  assert.deepEqual(of({ runAsUsername: 'bob', runAsGroup: { value: 7n } }).group, '7')
  refuses(() => of({ runAsUsername: 'bob:x', runAsGroup: { value: 7n } }), 'config.linux.security_context.run_as_username')
  refuses(() => of({ runAsUser: { value: 4294967295n } }), 'config.linux.security_context.run_as_user')
})
