/** linux.resources of what the flags say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givenResources } from '../../../../cli/containers/spec/resources.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import type { LinuxResources } from '../../../../runtime/spec/types.ts'
import { requestOf } from '../../../support/requests.ts'
import { type FactOptions, MACHINE, specOf } from '../../../support/spec-facts.ts'

const resources = (argv: readonly string[], options: FactOptions = {}) => {
  const { spec, warnings } = specOf(argv, options)
  const { devices: _, ...rest } = spec.linux.resources ?? {}
  return { rest: rest as LinuxResources, warnings }
}
const V1 = { machine: { cgroup: { ...MACHINE.cgroup, layout: 'hybrid' } } } as const

test('limits nothing but the number of processes by default', () => {
  assert.deepEqual(resources([]).rest, { pids: { limit: 2048 } })
  assert.deepEqual(resources(['--pids-limit', '-1']).rest, { pids: { limit: -1 } })
  assert.deepEqual(resources([], { machine: { rootless: true } }).rest, {})
})

test('has no swap beside a limit of memory, unless it is asked for', () => {
  const memory = (argv: readonly string[], options: FactOptions = {}) => resources(argv, options).rest.memory
  const undefinedFields = { reservation: undefined, swappiness: undefined, disableOOMKiller: undefined }
  assert.deepEqual(memory(['-m', '64m']), { limit: 67_108_864n, swap: 67_108_864n, ...undefinedFields })
  assert.deepEqual(memory(['-m', '64m', '--memory-swap', '128m']), { limit: 67_108_864n, swap: 134_217_728n, ...undefinedFields })
  assert.deepEqual(memory(['-m', '64m', '--memory-swap', '-1']), { limit: 67_108_864n, swap: -1n, ...undefinedFields })
  const none = { machine: { cgroup: { ...MACHINE.cgroup, swap: false } } }
  assert.deepEqual(memory(['-m', '64m'], none), { limit: 67_108_864n, swap: undefined, ...undefinedFields })
  assert.deepEqual(resources(['-m', '64m', '--memory-swap', '65m'], none).warnings, [
    '--memory-swap has no effect: this kernel does not limit swap (boot with swapaccount=1)',
  ])
})

test('says which settings a generation of cgroups does not have', () => {
  const argv = ['--memory-swappiness', '10', '--oom-kill-disable', '-m', '64m']
  assert.deepEqual(resources(argv).warnings, [
    '--oom-kill-disable has no effect: cgroup v2 has no such setting',
    '--memory-swappiness has no effect: cgroup v2 has no such setting',
  ])
  assert.deepEqual(resources(argv, V1).warnings, [])
  const { swappiness, disableOOMKiller } = resources(argv, V1).rest.memory!
  assert.deepEqual([swappiness, disableOOMKiller], [10, true])
  assert.deepEqual(resources(['--oom-kill-disable'], V1).warnings, [
    '--oom-kill-disable without --memory: the machine itself may come to a halt',
  ])
  assert.deepEqual(resources(['--memory-low', '1m'], V1).warnings, [
    '--memory-low has no effect: it is a setting of cgroup v2, --memory-reservation is that of cgroup v1',
  ])
})

test('writes files of cgroup v2, where there is one', () => {
  assert.deepEqual(resources(['--memory-low', '1m', '--cgroup-conf', 'memory.high=2097152']).rest.unified, {
    'memory.low': '1048576',
    'memory.high': '2097152',
  })
  assert.throws(
    () => resources(['--cgroup-conf', 'memory.high=1'], V1),
    (error) =>
      error instanceof WherryError &&
      error.kind === 'unsupported' &&
      error.message === '--cgroup-conf memory.high: this machine has no cgroup v2 for it: boot with systemd.unified_cgroup_hierarchy=1',
  )
})

test('shares CPUs out', () => {
  const cpu = (...argv: string[]) =>
    Object.fromEntries(Object.entries(resources(argv).rest.cpu ?? {}).filter(([, value]) => value !== undefined))
  assert.deepEqual(cpu('--cpus', '1.5'), { quota: 150_000, period: 100_000 })
  assert.deepEqual(cpu('--cpus', '0.333'), { quota: 33_300, period: 100_000 })
  assert.deepEqual(cpu('--cpu-quota', '5000', '--cpu-period', '10000', '-c', '5', '--cpuset-cpus', '0', '--cpuset-mems', '0'), {
    quota: 5000,
    period: 10_000,
    shares: 5,
    cpus: '0',
    mems: '0',
  })
})

test('limits devices by their numbers', () => {
  const blockDevices = new Map([['/dev/a', { major: 8, minor: 16 }]])
  const argv = [
    '--blkio-weight',
    '100',
    '--blkio-weight-device',
    '/dev/a:200',
    '--device-read-bps',
    '/dev/a:1m',
    '--device-write-iops',
    '/dev/a:5',
  ]
  const { blockIO } = resources(argv, { blockDevices }).rest
  assert.deepEqual([blockIO?.weight, blockIO?.weightDevice], [100, [{ major: 8, minor: 16, weight: 200 }]])
  assert.deepEqual(blockIO?.throttleReadBpsDevice, [{ major: 8, minor: 16, rate: 1_048_576n }])
  assert.deepEqual(blockIO?.throttleWriteIOPSDevice, [{ major: 8, minor: 16, rate: 5n }])
  assert.throws(() => resources(argv), /^WherryError: \/dev\/a is no block device of this machine$/)
})

test('limits large pages', () => {
  assert.deepEqual(resources(['--hugetlb', '2MB=1g']).rest.hugepageLimits, [{ pageSize: '2MB', limit: 1_073_741_824n }])
})

test('leaves out for update what is not given', () => {
  const given = givenResources(requestOf('--cpus', '1').resources, { machine: MACHINE, blockDevices: new Map(), warn: () => {} })
  assert.deepEqual(Object.keys(given), ['cpu'])
})
