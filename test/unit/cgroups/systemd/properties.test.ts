import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceRules } from '../../../../runtime/cgroups/devices/rules.ts'
import { deviceProperties } from '../../../../runtime/cgroups/systemd/devices.ts'
import { cpuMask, settleBandwidth, unitProperties, withoutIdleWeight } from '../../../../runtime/cgroups/systemd/properties.ts'
import type { Write } from '../../../../runtime/cgroups/writes.ts'

const writes = (files: Readonly<Record<string, string>>): readonly Write[] =>
  Object.entries(files).map(([file, value]) => ({ dir: '/nowhere', file, value, field: file }))

const properties = (files: Readonly<Record<string, string>>, version = 252) =>
  Object.fromEntries(unitProperties(writes(files), version).map(([name, { signature, value }]) => [name, `${signature} ${value}`]))

const INFINITY = `t ${2n ** 64n - 1n}`

test('limits of v2, also those that unified names', () => {
  assert.deepEqual(
    properties({
      'memory.max': '100',
      'memory.high': '90',
      'memory.low': 'max',
      'memory.min': '1',
      'memory.swap.max': '0',
      'pids.max': 'max',
      'cpu.weight': '42',
      'io.weight': 'default 300',
      'memory.oom.group': '1',
    }),
    {
      MemoryMax: 't 100',
      MemoryHigh: 't 90',
      MemoryLow: INFINITY,
      MemoryMin: 't 1',
      MemorySwapMax: 't 0',
      TasksMax: INFINITY,
      CPUWeight: 't 42',
      IOWeight: 't 300',
    },
  )
})

test('limits of v1', () => {
  assert.deepEqual(
    properties({
      'memory.limit_in_bytes': '-1',
      'cpu.shares': '512',
      'blkio.weight': '20',
      'cpu.cfs_quota_us': '5000',
      'cpu.cfs_period_us': '10000',
    }),
    {
      MemoryLimit: INFINITY,
      CPUShares: 't 512',
      BlockIOWeight: 't 20',
      CPUQuotaPeriodUSec: 't 10000',
      CPUQuotaPerSecUSec: 't 500000',
    },
  )
})

test('a later write of a file counts', () => {
  const [first, second] = [writes({ 'memory.max': '100' }), writes({ 'memory.max': '200' })]
  assert.deepEqual(unitProperties([...first, ...second], 252), [['MemoryMax', { signature: 't', value: 200n }]])
})

test('the bandwidth limit, in whole percents', () => {
  assert.deepEqual(properties({ 'cpu.max': '5000 10000' }), { CPUQuotaPeriodUSec: 't 10000', CPUQuotaPerSecUSec: 't 500000' })
  assert.deepEqual(properties({ 'cpu.max': '5000' }), { CPUQuotaPerSecUSec: 't 50000' })
  assert.deepEqual(properties({ 'cpu.max': 'max 10000' }), { CPUQuotaPeriodUSec: 't 10000', CPUQuotaPerSecUSec: INFINITY })
  assert.deepEqual(properties({ 'cpu.max': '600000 900000' }), { CPUQuotaPeriodUSec: 't 900000', CPUQuotaPerSecUSec: 't 670000' })
  assert.deepEqual(properties({ 'cpu.max': '5000 10000' }, 241), { CPUQuotaPerSecUSec: 't 500000' }, 'before 242 the period is unknown')
})

test('the cgroup gets the quota that systemd rounds to, and keeps its period', () => {
  const rounded = (files: Readonly<Record<string, string>>) => settleBandwidth(writes(files)).map(({ value }) => value)
  assert.deepEqual(rounded({ 'cpu.max': '600000 900000' }), ['603000 900000'])
  assert.deepEqual(rounded({ 'cpu.max': '5000' }), ['5000'])
  assert.deepEqual(rounded({ 'cpu.max': 'max 900000' }), ['max 900000'])
  assert.deepEqual(rounded({ 'cpu.cfs_period_us': '900000', 'cpu.cfs_quota_us': '600000' }), ['900000', '603000'])
})

test('cpusets are masks', () => {
  assert.deepEqual([...cpuMask('0')!], [1])
  assert.deepEqual([...cpuMask('0-2,9')!], [7, 2])
  assert.deepEqual([...cpuMask('16')!], [0, 0, 1])
  for (const list of ['', 'x', '3-1', '1-', '99999999']) assert.equal(cpuMask(list), undefined, list)
  assert.deepEqual(properties({ 'cpuset.cpus': '1', 'cpuset.mems': '0' }), { AllowedCPUs: 'ay 2', AllowedMemoryNodes: 'ay 1' })
  assert.deepEqual(properties({ 'cpuset.cpus': '1' }, 243), {})
})

test('idle is a weight of 0', () => {
  assert.deepEqual(properties({ 'cpu.idle': '1' }), { CPUWeight: 't 0' })
  assert.deepEqual(properties({ 'cpu.idle': '0' }), {})
  assert.deepEqual(properties({ 'cpu.idle': '1' }, 251), {})
  const warnings: string[] = []
  const rest = withoutIdleWeight(writes({ 'cpu.idle': '1', 'cpu.weight': '8' }), (text) => warnings.push(text))
  assert.deepEqual(
    rest.map(({ file }) => file),
    ['cpu.idle'],
  )
  assert.match(warnings.join(), /unable to apply both/)
})

test('devices: as near as systemd can', () => {
  const values = (allow: boolean, ...devices: Parameters<typeof deviceRules>[0]) =>
    deviceProperties(deviceRules([{ allow, access: 'rwm' }, ...devices])).map(([name, { value }]) => [name, value])
  assert.deepEqual(
    values(
      false,
      { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
      { allow: true, type: 'b', major: 8, minor: -1, access: 'r' },
      { allow: true, type: 'c', access: 'm' },
      { allow: true, type: 'c', minor: 5, access: 'r' },
    ),
    [
      ['DeviceAllow', []],
      ['DevicePolicy', 'strict'],
      [
        'DeviceAllow',
        [
          ['/dev/char/1:3', 'rwm'],
          ['block-8', 'r'],
          ['char-*', 'm'],
        ],
      ],
    ],
  )
  assert.deepEqual(values(true), [
    ['DeviceAllow', []],
    ['DevicePolicy', 'auto'],
  ])
})
