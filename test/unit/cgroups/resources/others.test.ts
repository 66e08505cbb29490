import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import type { Context } from '../../../../runtime/cgroups/resources/context.ts'
import { cpusetWrites, cpuWrites, weightOfShares } from '../../../../runtime/cgroups/resources/cpu.ts'
import { ioWeight, ioWrites } from '../../../../runtime/cgroups/resources/io.ts'
import { hugetlbWrites, networkWrites, pidsWrites, rdmaWrites, unifiedWrites } from '../../../../runtime/cgroups/resources/others.ts'
import type { Write } from '../../../../runtime/cgroups/writes.ts'

const dir = mkdtempSync(`${tmpdir()}/wherry-resources-`)
after(() => rmSync(dir, { recursive: true }))

const warnings: string[] = []
const context = (version: 1 | 2, live = false): Context => ({ homes: () => ({ version, dir }), live, warn: (text) => warnings.push(text) })
const nowhere: Context = { ...context(1), homes: () => undefined }

const text = ({ file, value, optional, again, otherwise }: Write): string =>
  `${file}=${value}${optional ? '?' : ''}${again ? '+' : ''}${otherwise === undefined ? '' : ` else ${text(otherwise)}`}`
const lines = (writes: readonly Write[]): readonly string[] => writes.map(text)

test('cpu.weight for cpu.shares: least, default and greatest fit, and what callers compute', () => {
  for (const [shares, weight] of [
    [0, 0],
    [1, 1],
    [2, 1],
    [100, 17],
    [200, 29],
    [1024, 100],
    [3, 2],
    [2048, 174],
    [3333, 256],
    [262144, 10000],
    [300000, 10000],
  ] as const)
    assert.equal(weightOfShares(shares), weight, String(shares))
})

test('cpu v1: period and burst may have to wait for the quota', () => {
  assert.deepEqual(lines(cpuWrites({ shares: 512, quota: 5000, period: 10000, burst: 10 }, context(1))), [
    'cpu.shares=512',
    'cpu.cfs_period_us=10000+',
    'cpu.cfs_burst_us=10?+',
    'cpu.cfs_quota_us=5000',
  ])
  assert.deepEqual(lines(cpuWrites({ period: 10000 }, context(1))), ['cpu.cfs_period_us=10000'])
  assert.deepEqual(lines(cpuWrites({ realtimePeriod: 7, realtimeRuntime: 5 }, context(1))), ['cpu.rt_period_us=7+', 'cpu.rt_runtime_us=5'])
})

test('cpu v1: idle last, not idle first, because an idle cgroup takes no shares', () => {
  assert.deepEqual(lines(cpuWrites({ shares: 512, idle: 1 }, context(1))), ['cpu.shares=512', 'cpu.idle=1'])
  assert.deepEqual(lines(cpuWrites({ shares: 512, idle: 0 }, context(1))), ['cpu.idle=0', 'cpu.shares=512'])
})

test('cpu v1: shares that the kernel would change are refused', () => {
  assert.throws(() => cpuWrites({ shares: 1 }, context(1)), {
    path: 'linux.resources.cpu.shares',
    message: /minimum allowed cpu-shares is 2/,
  })
  assert.throws(() => cpuWrites({ shares: 262145 }, context(1)), /maximum allowed cpu-shares is 262144/)
})

test('cpu v2: quota and period are one file', () => {
  assert.deepEqual(lines(cpuWrites({ shares: 1024, quota: 5000, period: 10000, burst: 1 }, context(2))), [
    'cpu.weight=100',
    'cpu.max.burst=1+',
    'cpu.max=5000 10000',
  ])
  assert.deepEqual(lines(cpuWrites({ quota: 5000 }, context(2))), ['cpu.max=5000'], 'the kernel keeps the period')
  assert.deepEqual(lines(cpuWrites({ quota: -1, period: 10000 }, context(2))), ['cpu.max=max 10000'])
  assert.deepEqual(lines(cpuWrites({ period: 10000 }, context(2))), ['cpu.max=max 10000'])
  writeFileSync(`${dir}/cpu.max`, '7000 100000\n')
  assert.deepEqual(lines(cpuWrites({ period: 10000 }, context(2, true))), ['cpu.max=7000 10000'], 'live the quota stays')
})

test('cpu v2: idle excludes a weight; realtime has no effect', () => {
  warnings.length = 0
  assert.deepEqual(lines(cpuWrites({ shares: 100, idle: 1, realtimeRuntime: 5 }, context(2))), ['cpu.idle=1'])
  assert.match(warnings.join('\n'), /unable to apply both cpu.idle[\s\S]*realtimeRuntime/)
})

test('cpuset: v1 may have no prefix', () => {
  assert.deepEqual(lines(cpusetWrites({ cpus: '0-1', mems: '0' }, context(1))), [
    'cpuset.cpus=0-1 else cpus=0-1',
    'cpuset.mems=0 else mems=0',
  ])
  assert.deepEqual(lines(cpusetWrites({ cpus: '0-1' }, context(2))), ['cpuset.cpus=0-1'])
})

test('pids: 0 is left alone, below is no limit', () => {
  assert.deepEqual(lines(pidsWrites({ limit: 0 }, nowhere)), [])
  assert.deepEqual(lines(pidsWrites({ limit: -1 }, context(2))), ['pids.max=max'])
  assert.deepEqual(lines(pidsWrites({ limit: 7 }, context(1))), ['pids.max=7'])
})

test('a limit of a controller that is nowhere is refused by name', () => {
  assert.throws(() => pidsWrites({ limit: 7 }, nowhere), {
    kind: 'unsupported',
    message: /linux\.resources\.pids: .* no mounted cgroup hierarchy has the pids controller/,
  })
})

test('io.weight is on another scale than blkio.weight', () => {
  assert.deepEqual([0, 10, 500, 750, 1000].map(ioWeight), [0, 1, 4950, 7475, 10000])
})

const BLOCK_IO = {
  weight: 500,
  leafWeight: 20,
  weightDevice: [{ major: 8, minor: 0, weight: 100, leafWeight: 30 }],
  throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000n }],
  throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0n }],
}

test('blkio: names of bfq where those of cfq are gone', () => {
  assert.deepEqual(lines(ioWrites(BLOCK_IO, context(1))), [
    'blkio.weight=500 else blkio.bfq.weight=500',
    'blkio.leaf_weight=20',
    'blkio.weight_device=8:0 100 else blkio.bfq.weight_device=8:0 100',
    'blkio.leaf_weight_device=8:0 30',
    'blkio.throttle.read_bps_device=8:0 1000',
    'blkio.throttle.write_iops_device=8:16 0',
  ])
})

test('io: weights of bfq or, converted, of the controller; limits in io.max', () => {
  assert.deepEqual(lines(ioWrites(BLOCK_IO, context(2))), [
    'io.bfq.weight=default 500 else io.weight=default 4950',
    'io.bfq.weight=8:0 100 else io.weight=8:0 910',
    'io.max=8:0 rbps=1000',
    'io.max=8:16 wiops=max',
  ])
  assert.deepEqual(ioWrites({ weight: 0, weightDevice: [] }, nowhere), [])
})

test('hugetlb: for use and for reservation', () => {
  const limits = [{ pageSize: '2MB', limit: 4194304n }]
  assert.deepEqual(lines(hugetlbWrites(limits, context(1))), [
    'hugetlb.2MB.limit_in_bytes=4194304',
    'hugetlb.2MB.rsvd.limit_in_bytes=4194304?',
  ])
  assert.deepEqual(lines(hugetlbWrites(limits, context(2))), ['hugetlb.2MB.max=4194304', 'hugetlb.2MB.rsvd.max=4194304?'])
  assert.throws(() => hugetlbWrites([{ pageSize: '../x', limit: 1n }], context(2)), { path: 'linux.resources.hugepageLimits[0].pageSize' })
})

test('network and rdma', () => {
  assert.deepEqual(lines(networkWrites({ classID: 1048577, priorities: [{ name: 'lo', priority: 3 }] }, context(1))), [
    'net_cls.classid=1048577',
    'net_prio.ifpriomap=lo 3',
  ])
  assert.deepEqual(lines(rdmaWrites({ mlx5_0: { hcaHandles: 3, hcaObjects: 10000 }, mlx5_1: { hcaHandles: 1 } }, context(2))), [
    'rdma.max=mlx5_0 hca_handle=3 hca_object=10000',
    'rdma.max=mlx5_1 hca_handle=1',
  ])
})

test('unified: file names of v2 only', () => {
  assert.deepEqual(lines(unifiedWrites({ 'memory.high': '100', 'io.max': '8:0 rbps=1\n8:16 rbps=2\n' }, dir)), [
    'memory.high=100',
    'io.max=8:0 rbps=1\n8:16 rbps=2\n',
  ])
  assert.throws(() => unifiedWrites({ 'memory.high': '1' }, undefined), {
    kind: 'invalid-argument',
    message: /invalid configuration: cannot use unified on cgroup v1/,
  })
  assert.throws(() => unifiedWrites({ '../memory.high': '1' }, dir), /must be a file name \(no slashes\)/)
  assert.throws(() => unifiedWrites({ memory: '1' }, dir), /must be in the form CONTROLLER\.PARAMETER/)
})
