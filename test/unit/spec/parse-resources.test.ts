import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldResourceKeys } from '../../../runtime/spec/fold.ts'
import { parseResources } from '../../../runtime/spec/parse-resources.ts'
import { accepts, change, parse, type Refusal, refuses, validConfig } from './table.ts'

const R = 'linux.resources'
const row = (field: string, value: unknown, path: string, says: string): Refusal => [`${R}.${field}`, value, `${R}.${path}`, says]

refuses([
  [R, [], '', 'must be an object'],

  row('devices', {}, 'devices', 'must be a list'),
  row('devices', [{ allow: 'yes', access: 'r' }], 'devices[0].allow', 'must be true or false'),
  row('devices', [{ allow: true }], 'devices[0].access', 'one or more of the letters r, w and m, is missing'),
  row('devices', [{ allow: true, access: '' }], 'devices[0].access', 'one or more of the letters'),
  row('devices', [{ allow: true, access: 'x' }], 'devices[0].access', 'one or more of the letters'),
  row('devices', [{ allow: true, access: ['r'] }], 'devices[0].access', 'one or more of the letters'),
  row('devices', [{ allow: true, type: 'p', access: 'r' }], 'devices[0].type', 'must be one of a, b, c'),
  row('devices', [{ allow: true, type: 'c', major: -2, access: 'r' }], 'devices[0].major', 'from -1'),
  row('devices', [{ allow: true, type: 'c', minor: '3', access: 'r' }], 'devices[0].minor', 'whole number'),
  row('devices', [{ allow: true, type: 'a', major: 5, access: 'r' }], 'devices[0].type', 'must be b or c where major or minor is given'),
  row('devices', [{ allow: true, minor: 5, access: 'r' }], 'devices[0].type', 'must be b or c where major or minor is given, is missing'),

  row('memory', 5, 'memory', 'must be an object'),
  ...['limit', 'reservation', 'swap', 'kernel', 'kernelTCP'].flatMap((key) => [
    row('memory', { [key]: -2 }, `memory.${key}`, 'from -1 to 9223372036854775807, is -2'),
    row('memory', { [key]: 2n ** 63n }, `memory.${key}`, 'from -1 to 9223372036854775807'),
    row('memory', { [key]: '64m' }, `memory.${key}`, 'whole number'),
  ]),
  row('memory', { swappiness: 101 }, 'memory.swappiness', 'from 0 to 100'),
  row('memory', { disableOOMKiller: 1 }, 'memory.disableOOMKiller', 'must be true or false'),
  row('memory', { useHierarchy: 1 }, 'memory.useHierarchy', 'must be true or false'),
  row('memory', { checkBeforeUpdate: 1 }, 'memory.checkBeforeUpdate', 'must be true or false'),
  row('memory', { limit: 100, swap: 99 }, 'memory.swap', '-1 or no less than limit (100)'),
  row('memory', { limit: -1, swap: 99 }, 'memory.swap', '-1 or no less than limit (-1)'),

  row('cpu', { shares: -1 }, 'cpu.shares', 'from 0'),
  row('cpu', { quota: 999 }, 'cpu.quota', '-1 or at least 1000 (microseconds)'),
  row('cpu', { quota: 1.5 }, 'cpu.quota', 'whole number'),
  row('cpu', { period: 100 }, 'cpu.period', 'from 1000 to 1000000 (microseconds)'),
  row('cpu', { period: 1000001 }, 'cpu.period', 'from 1000 to 1000000'),
  row('cpu', { burst: -1 }, 'cpu.burst', 'from 0'),
  row('cpu', { burst: 2001, quota: 2000 }, 'cpu.burst', 'no more than quota (2000)'),
  row('cpu', { realtimeRuntime: '1' }, 'cpu.realtimeRuntime', 'whole number'),
  row('cpu', { realtimePeriod: -1 }, 'cpu.realtimePeriod', 'from 0'),
  row('cpu', { cpus: 'a-b' }, 'cpu.cpus', 'a list of numbers and ranges'),
  row('cpu', { cpus: 1 }, 'cpu.cpus', 'must be a string'),
  row('cpu', { mems: '2-1' }, 'cpu.mems', 'a list of numbers and ranges'),
  row('cpu', { idle: 2 }, 'cpu.idle', 'from 0 to 1'),
  row('cpu', { idle: -1 }, 'cpu.idle', 'from 0 to 1'),

  row('pids', {}, 'pids.limit', 'is missing'),
  row('pids', { limit: '5' }, 'pids.limit', 'whole number'),

  row('blockIO', { weight: 9 }, 'blockIO.weight', 'from 10 to 1000'),
  row('blockIO', { weight: 1001 }, 'blockIO.weight', 'from 10 to 1000'),
  row('blockIO', { weight: 65536 }, 'blockIO.weight', 'from 0 to 65535'),
  row('blockIO', { leafWeight: 5 }, 'blockIO.leafWeight', 'from 10 to 1000'),
  row('blockIO', { weightDevice: [{ major: 8, minor: 0 }] }, 'blockIO.weightDevice[0]', 'must have weight or leafWeight'),
  row('blockIO', { weightDevice: [{ minor: 0, weight: 10 }] }, 'blockIO.weightDevice[0].major', 'is missing'),
  row('blockIO', { weightDevice: [{ major: 8, minor: -1, weight: 10 }] }, 'blockIO.weightDevice[0].minor', 'from 0'),
  ...['throttleReadBpsDevice', 'throttleWriteBpsDevice', 'throttleReadIOPSDevice', 'throttleWriteIOPSDevice'].flatMap((key) => [
    row('blockIO', { [key]: [{ major: 8, minor: 0 }] }, `blockIO.${key}[0].rate`, 'is missing'),
    row('blockIO', { [key]: [{ major: 8, minor: 0, rate: -1 }] }, `blockIO.${key}[0].rate`, 'from 0 to 18446744073709551615'),
    row('blockIO', { [key]: {} }, `blockIO.${key}`, 'must be a list'),
  ]),

  row('hugepageLimits', [{ pageSize: '2M', limit: 1 }], 'hugepageLimits[0].pageSize', 'a page size like 64KB, 2MB or 1GB, is "2M"'),
  row('hugepageLimits', [{ pageSize: '../x', limit: 1 }], 'hugepageLimits[0].pageSize', 'a page size'),
  row('hugepageLimits', [{ pageSize: '2MB' }], 'hugepageLimits[0].limit', 'is missing'),

  row('network', { classID: 2 ** 32 }, 'network.classID', 'from 0 to 4294967295'),
  row('network', { priorities: [{ name: 'eth 0', priority: 1 }] }, 'network.priorities[0].name', 'the name of a network interface'),
  row('network', { priorities: [{ name: 'x'.repeat(16), priority: 1 }] }, 'network.priorities[0].name', 'the name of a network interface'),
  row('network', { priorities: [{ name: 'eth0' }] }, 'network.priorities[0].priority', 'is missing'),

  row('rdma', [], 'rdma', 'must be an object'),
  row('rdma', { mlx5_0: {} }, 'rdma.mlx5_0', 'must have hcaHandles or hcaObjects'),
  row('rdma', { mlx5_0: { hcaHandles: -1 } }, 'rdma.mlx5_0.hcaHandles', 'from 0 to 4294967295'),
  row('rdma', { mlx5_0: { hcaObjects: 'max' } }, 'rdma.mlx5_0.hcaObjects', 'whole number'),
  row('rdma', { 'a b': { hcaObjects: 1 } }, 'rdma["a b"]', 'must be keyed by the name of an RDMA device'),
  row('rdma', { 'a\n': { hcaObjects: 1 } }, 'rdma["a\\n"]', 'control characters'),

  row('unified', { 'memory.high': 5 }, 'unified["memory.high"]', 'must be a string'),
  row('unified', { '../memory.high': '5' }, 'unified["../memory.high"]', 'CONTROLLER.PARAMETER, without slashes'),
  row('unified', { memory: '5' }, 'unified.memory', 'CONTROLLER.PARAMETER'),
  row('unified', { '.high': '5' }, 'unified[".high"]', 'CONTROLLER.PARAMETER'),
  row('unified', { 'memory.high': '\0' }, 'unified["memory.high"]', 'NUL'),
])

accepts([
  [`${R}.devices`, [{ allow: false, access: 'rwm' }], [{ allow: false, access: 'rwm' }]],
  [
    `${R}.devices`,
    [
      { allow: true, type: 'c', major: -1, minor: -1, access: 'm' },
      { access: 'r', type: 'a', major: -1 },
    ],
    [
      { allow: true, type: 'c', access: 'm' },
      { allow: false, type: 'a', access: 'r' },
    ],
  ],
  [`${R}.memory`, { limit: 0, swap: 0, swappiness: 0 }, { swappiness: 0 }],
  [`${R}.memory`, { limit: 64, swap: -1 }, { limit: 64n, swap: -1n }],
  [`${R}.memory`, { limit: -1, swap: -1, reservation: 2n ** 63n - 1n }, { limit: -1n, swap: -1n, reservation: 2n ** 63n - 1n }],
  [`${R}.cpu`, { shares: 0, quota: 0, period: 0, burst: 0, idle: 0 }, { burst: 0, idle: 0 }],
  [`${R}.cpu`, { quota: -5, period: 100000, cpus: '0-1,3', mems: '0' }, { quota: -1, period: 100000, cpus: '0-1,3', mems: '0' }],
  [`${R}.cpu`, { cpus: '0-6:1/2', mems: '' }, { cpus: '0-6:1/2' }],
  [`${R}.pids`, { limit: 0 }, undefined],
  [`${R}.pids`, { limit: -7 }, { limit: -1 }],
  [`${R}.blockIO`, { weight: 0, leafWeight: 10 }, { leafWeight: 10 }],
  [
    `${R}.blockIO`,
    { weightDevice: [{ major: 8, minor: 0, weight: 0 }], throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 2n ** 64n - 1n }] },
    { weightDevice: [{ major: 8, minor: 0, weight: 0 }], throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 2n ** 64n - 1n }] },
  ],
  [`${R}.hugepageLimits`, [{ pageSize: '64KB', limit: 0 }], [{ pageSize: '64KB', limit: 0n }]],
  [
    `${R}.network`,
    { classID: 1048577, priorities: [{ name: 'lo', priority: 500 }] },
    { classID: 1048577, priorities: [{ name: 'lo', priority: 500 }] },
  ],
  [`${R}.rdma`, { mlx5_0: { hcaHandles: 3 } }, { mlx5_0: { hcaHandles: 3 } }],
  [`${R}.unified`, { 'io.max': '8:0 rbps=1\n8:16 rbps=2', 'a.b': '' }, { 'io.max': '8:0 rbps=1\n8:16 rbps=2', 'a.b': '' }],
])

test('kernel memory limits are warned about', () => {
  const warnings: string[] = []
  parse(change(validConfig(), `${R}.memory`, { kernel: 5, kernelTCP: 0 }), (message) => warnings.push(message))
  assert.deepEqual(warnings, ['linux.resources.memory: kernel and kernelTCP are obsolete and ignored'])
})

test('letters of a device rule that mean nothing are passed over with a warning', () => {
  const warnings: string[] = []
  const config = change(validConfig(), `${R}.devices`, [{ access: 'mrr' }, { allow: true, access: 'rwa' }])
  assert.deepEqual(
    parse(config, (message) => warnings.push(message)).linux.resources?.devices?.map(({ access }) => access),
    ['rm', 'rw'],
  )
  assert.deepEqual(warnings, ['linux.resources.devices[1].access: taking "rwa" for "rw"'])
})

test('keys may be spelled in any case, but not those of maps', () => {
  const folded = foldResourceKeys({
    CPU: { Cpus: '0', SHARES: 5 },
    blockio: { WeightDevice: [{ MAJOR: 8, minor: 0, weight: 10 }] },
    Unified: { 'Memory.High': '1' },
    Unknown: [1],
  })
  assert.deepEqual(folded, {
    cpu: { cpus: '0', shares: 5 },
    blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 10 }] },
    unified: { 'Memory.High': '1' },
    Unknown: [1],
  })
  assert.equal(parseResources({ CPU: { Cpus: '0' } }, 'resources', assert.fail).cpu?.cpus, '0')
  const config = change(validConfig(), `${R}.hugepageLimits`, [{ pagesize: '2MB', limit: 1 }])
  assert.deepEqual(parse(config).linux.resources?.hugepageLimits, [{ pageSize: '2MB', limit: 1n }])
})
