import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WherryError } from '../../../runtime/errors.ts'
import { type Acceptance, accepts, change, parse, type Refusal, refuses, validConfig, withoutNamespace } from './table.ts'

refuses([
  ['linux.namespaces', {}, '', 'must be a list'],
  ['linux.namespaces', ['pid'], 'linux.namespaces[0]', 'must be an object'],
  ['linux.namespaces[1].type', 'net', '', 'must be one of cgroup, ipc, mount, network, pid, time, user, uts, is "net"'],
  ['linux.namespaces[1].type', 'constructor', '', 'must be one of'],
  ['linux.namespaces[1].type', undefined, '', 'is missing'],
  ['linux.namespaces[1].type', 'pid', '', 'must be there once, pid is there twice'],
  ['linux.namespaces[1].path', 'ns/net', '', 'must be an absolute path'],
  ['linux.namespaces[1].path', 7, '', 'must be an absolute path'],
])

test('a namespace without a path, or with an empty one, is new', () => {
  const namespaces = [{ type: 'pid', path: '' }, { type: 'uts' }, { type: 'ipc', path: '/proc/1/ns/ipc' }]
  const config = change(withoutNamespace('user'), 'linux', { namespaces })
  assert.deepEqual(
    parse(config).linux.namespaces?.map(({ path }) => path),
    [undefined, undefined, '/proc/1/ns/ipc'],
  )
})

const map = (containerID: unknown, hostID: unknown, size: unknown) => ({ containerID, hostID, size })

const mappings = (key: string): Refusal[] => [
  [key, [], '', 'must have at least one entry for the new user namespace'],
  [key, undefined, '', 'must have at least one entry'],
  [key, map(0, 0, 1), '', 'must be a list'],
  [key, [map(undefined, 1, 1)], `${key}[0].containerID`, 'is missing'],
  [key, [map(0, undefined, 1)], `${key}[0].hostID`, 'is missing'],
  [key, [map(0, 1, 0)], `${key}[0].size`, 'from 1 to 4294967295, is 0'],
  [key, [map(-1, 1, 1)], `${key}[0].containerID`, 'from 0 to 4294967294'],
  [key, [map(0, 4294967295, 1)], `${key}[0].hostID`, 'from 0 to 4294967294'],
  [key, [map(0, 4294967290, 6)], `${key}[0].size`, 'must not reach beyond id 4294967294: hostID 4294967290 with size 6'],
  [key, [map(10, 0, 4294967290)], `${key}[0].size`, 'containerID 10'],
  [key, [map(0, 100, 10), map(9, 200, 10)], `${key}[1].containerID`, `9 with size 10 overlaps ${key}[0], 0 with size 10`],
  [key, [map(0, 100, 10), map(20, 200, 1), map(10, 91, 10)], `${key}[2].hostID`, `91 with size 10 overlaps ${key}[0]`],
  [key, Array.from({ length: 341 }, (_, i) => map(i, i, 1)), '', 'must not have more than 340 entries, has 341'],
  [key, [map(1, 100, 10)], '', 'must map id 0 of the container'],
]

refuses([
  ...mappings('linux.uidMappings'),
  ...mappings('linux.gidMappings'),
  ['process.user.uid', 1000, '', '1000 is not mapped in the user namespace: linux.uidMappings must cover it'],
  ['process.user.gid', 1000, '', '1000 is not mapped in the user namespace: linux.gidMappings must cover it'],
  ['process.user.additionalGids', [5, 1000], 'process.user.additionalGids[1]', '1000 is not mapped'],
])

refuses(
  [
    ['linux.uidMappings', [map(0, 1, 1)], '', 'needs a namespace of its own: add {"type": "user"} to linux.namespaces'],
    ['linux.gidMappings', [map(0, 1, 1)], '', 'needs a namespace of its own'],
  ],
  () => change(change(withoutNamespace('user'), 'linux.uidMappings', undefined), 'linux.gidMappings', undefined),
)

accepts([
  ['linux.uidMappings', [map(0, 0, 4294967295)], [map(0, 0, 4294967295)]],
  ['linux.uidMappings', [map(10, 0, 10), map(0, 10, 10)], [map(10, 0, 10), map(0, 10, 10)]],
  ['linux.gidMappings', Array.from({ length: 340 }, (_, i) => map(i, i, 1)), Array.from({ length: 340 }, (_, i) => map(i, i, 1))],
  ['process.user', { uid: 999, gid: 999, additionalGids: [0, 999] }, { uid: 999, gid: 999, additionalGids: [0, 999] }],
])

test('a user namespace that is joined needs no mappings, and may say what it has', () => {
  const config = change(change(validConfig(), 'linux.namespaces[5].path', '/proc/7/ns/user'), 'process.user.uid', 123456)
  assert.equal(parse(config).linux.uidMappings?.length, 1)
  change(change(config, 'linux.uidMappings', undefined), 'linux.gidMappings', undefined)
  assert.equal(parse(config).linux.uidMappings, undefined)
})

test('additional groups of a user who has mapped only the own group are left to the runtime', () => {
  const config = change(validConfig(), 'linux.gidMappings', [map(0, 1000, 1)])
  change(config, 'process.user.additionalGids', [10])
  assert.deepEqual(parse(config).process.user.additionalGids, [10])
})

refuses([
  ['linux.timeOffsets', { realtime: { secs: 1 } }, 'linux.timeOffsets.realtime', 'is no clock: monotonic, boottime are'],
  ['linux.timeOffsets', { monotonic: 5 }, 'linux.timeOffsets.monotonic', 'must be an object'],
  ['linux.timeOffsets', { monotonic: { secs: '1' } }, 'linux.timeOffsets.monotonic.secs', 'whole number'],
  ['linux.timeOffsets', { boottime: { secs: 5e9 } }, 'linux.timeOffsets.boottime.secs', 'from -4611686018 to 4611686018'],
  ['linux.timeOffsets', { boottime: { nanosecs: 1e9 } }, 'linux.timeOffsets.boottime.nanosecs', 'from 0 to 999999999'],
])

refuses([['linux.timeOffsets', { monotonic: { secs: 1 } }, '', 'needs a namespace of its own']], () => withoutNamespace('time'))

refuses([['linux.timeOffsets', { boottime: { secs: 1 } }, '', 'must not be there when a time namespace is joined']], () =>
  change(validConfig(), 'linux.namespaces[7].path', '/proc/7/ns/time'),
)

accepts([
  ['linux.timeOffsets', null, undefined],
  ['linux.timeOffsets', { monotonic: { secs: -5, nanosecs: 1 } }, { monotonic: { secs: -5, nanosecs: 1 } }],
])
accepts([['linux.timeOffsets', {}, {}]], () => withoutNamespace('time'))

const device = (fields: object) => [{ path: '/dev/x', type: 'c', major: 10, minor: 229, ...fields }]

refuses([
  ['linux.devices', device({ path: 'dev/x' }), 'linux.devices[0].path', 'must be an absolute path'],
  ['linux.devices', device({ path: '/dev/../x' }), 'linux.devices[0].path', 'without ..'],
  ['linux.devices', device({ path: '/dev/x/' }), 'linux.devices[0].path', 'the absolute path of a file'],
  ['linux.devices', device({ path: undefined }), 'linux.devices[0].path', 'is missing'],
  ['linux.devices', device({ type: 'd' }), 'linux.devices[0].type', 'must be one of c, u, b, p'],
  ['linux.devices', device({ type: undefined }), 'linux.devices[0].type', 'is missing'],
  ['linux.devices', device({ major: undefined }), 'linux.devices[0].major', 'is missing'],
  ['linux.devices', device({ major: 4096 }), 'linux.devices[0].major', 'from 0 to 4095'],
  ['linux.devices', device({ minor: -1 }), 'linux.devices[0].minor', 'from 0 to 1048575'],
  ['linux.devices', device({ fileMode: '0666' }), 'linux.devices[0].fileMode', 'whole number'],
  ['linux.devices', device({ uid: -1 }), 'linux.devices[0].uid', 'from 0 to 4294967294'],
  ['linux.devices', device({ gid: 2 ** 32 - 1 }), 'linux.devices[0].gid', 'from 0 to 4294967294'],
])

accepts([
  ['linux.devices', device({ type: 'u', fileMode: 0o20660 }), device({ fileMode: 0o660 })],
  ['linux.devices', device({ path: '/dev/a..b', type: 'b' }), device({ path: '/dev/a..b', type: 'b' })],
  ['linux.devices', device({ type: 'p', major: 8, minor: 666 }), device({ type: 'p', major: 0, minor: 0 })],
  ['linux.devices', [{ path: '/f', type: 'p' }], [{ path: '/f', type: 'p', major: 0, minor: 0 }]],
])

refuses([
  ['linux.cgroupsPath', '/a/../../b', '', 'must not have .. in it'],
  ['linux.cgroupsPath', '..', '', 'must not have ..'],
  ['linux.cgroupsPath', '/a\nb', '', 'control characters'],
  ['linux.cgroupsPath', 7, '', 'must be a string'],
  ['linux.rootfsPropagation', 'public', '', 'must be one of private, rprivate, slave'],
  ['linux.maskedPaths', ['proc/kcore'], 'linux.maskedPaths[0]', 'must be an absolute path'],
  ['linux.maskedPaths', ['/a', '/b\0'], 'linux.maskedPaths[1]', 'NUL'],
  ['linux.readonlyPaths', ['proc/sys'], 'linux.readonlyPaths[0]', 'must be an absolute path'],
  ['linux.readonlyPaths', '/proc/sys', '', 'must be a list'],
  ['linux.mountLabel', 'a\nb', '', 'control characters'],
  ['linux.personality', { domain: 'BSD' }, 'linux.personality.domain', 'must be one of LINUX, LINUX32'],
  ['linux.personality', {}, 'linux.personality.domain', 'is missing'],
  ['linux.personality', { domain: 'LINUX', flags: 'x' }, 'linux.personality.flags', 'must be a list'],
])

refuses(
  [
    ['linux.maskedPaths', ['/proc/kcore'], '', 'needs a namespace of its own: add {"type": "mount"} to linux.namespaces'],
    ['linux.readonlyPaths', ['/proc/sys'], '', 'needs a namespace of its own'],
  ],
  () => withoutNamespace('mount'),
)

accepts([
  ['linux.cgroupsPath', 'system.slice:docker:1234', 'system.slice:docker:1234'],
  ['linux.cgroupsPath', '/a..b/c', '/a..b/c'],
  ['linux.cgroupsPath', '', undefined],
  ...['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable', 'runbindable'].map(
    (mode): Acceptance => ['linux.rootfsPropagation', mode, mode],
  ),
  ['linux.personality', { domain: 'LINUX32', flags: [] }, { domain: 'LINUX32' }],
])
accepts([['linux.maskedPaths', [], []]], () => withoutNamespace('mount'))

test('personality flags are ignored with a warning', () => {
  const warnings: string[] = []
  const config = change(validConfig(), 'linux.personality', { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] })
  assert.deepEqual(parse(config, (message) => warnings.push(message)).linux.personality, { domain: 'LINUX' })
  assert.deepEqual(warnings, ['linux.personality.flags: ignoring "ADDR_NO_RANDOMIZE": the spec defines no flags'])
})

test('fields of later versions of the spec that would change the container are ignored with a warning', () => {
  const warnings: string[] = []
  const config = change(change(validConfig(), 'linux.netDevices', { eth0: {} }), 'linux.memoryPolicy', null)
  parse(config, (message) => warnings.push(message))
  assert.deepEqual(warnings, ['linux.netDevices: ignored, not supported by this runtime'])
})

test('Intel RDT is unsupported', () => {
  assert.throws(
    () => parse(change(validConfig(), 'linux.intelRdt', { closID: 'a' })),
    (error) => error instanceof WherryError && error.kind === 'unsupported' && error.message.startsWith('linux.intelRdt: '),
  )
  parse(change(validConfig(), 'linux.intelRdt', null))
})
