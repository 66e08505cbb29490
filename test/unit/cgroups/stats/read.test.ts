import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { cpusetStatsV1, cpuStatsV1, cpuStatsV2 } from '../../../../runtime/cgroups/stats/cpu.ts'
import { ioStats } from '../../../../runtime/cgroups/stats/io.ts'
import { memoryStats, oomKills } from '../../../../runtime/cgroups/stats/memory.ts'
import { pageSizeName, pidsStats, rdmaStats } from '../../../../runtime/cgroups/stats/others.ts'
import { readList, readNumber, readPressure } from '../../../../runtime/cgroups/stats/read.ts'

const base = mkdtempSync(`${tmpdir()}/wherry-stats-`)
after(() => rmSync(base, { recursive: true }))

/** A directory with these files. */
const cgroup = (files: Readonly<Record<string, string>>): string => {
  const dir = mkdtempSync(`${base}/`)
  for (const [file, text] of Object.entries(files)) writeFileSync(`${dir}/${file}`, text)
  return dir
}

test('numbers: max, negative ones that the kernel has for a moment, none', () => {
  const dir = cgroup({ a: '5\n', b: 'max\n', c: '-3\n' })
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((file) => readNumber(dir, file)),
    [5, Number.POSITIVE_INFINITY, 0, undefined],
  )
})

test('lists of cpusets', () => {
  assert.deepEqual(readList(cgroup({ l: '0-2,5\n' }), 'l'), [0, 1, 2, 5])
  assert.deepEqual(readList(cgroup({ l: '\n' }), 'l'), [])
})

test('pressure', () => {
  const dir = cgroup({ p: 'some avg10=1.50 avg60=0.25 avg300=0.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n' })
  assert.deepEqual(readPressure(dir, 'p'), {
    some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 123 },
    full: { avg10: 0, avg60: 0, avg300: 0, total: 7 },
  })
  assert.equal(readPressure(dir, 'none'), undefined)
})

test('memory of v1', () => {
  const dir = cgroup({
    'memory.usage_in_bytes': '1000\n',
    'memory.max_usage_in_bytes': '2000\n',
    'memory.failcnt': '3\n',
    'memory.limit_in_bytes': '9223372036854771712\n',
    'memory.memsw.usage_in_bytes': '1500\n',
    'memory.memsw.max_usage_in_bytes': '2500\n',
    'memory.memsw.failcnt': '4\n',
    'memory.memsw.limit_in_bytes': '5000\n',
    'memory.stat': 'cache 100\ntotal_inactive_file 40\n',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  })
  assert.deepEqual(memoryStats({ version: 1, dir }), {
    usage: { usage: 1000, peak: 2000, failures: 3 },
    usageWithSwap: { usage: 1500, peak: 2500, failures: 4, limit: 5000 },
    swap: { usage: 500, peak: 0, failures: 1 },
    cache: 100,
    workingSet: 960,
    stat: { cache: 100, total_inactive_file: 40 },
    oomKills: 2,
  })
  assert.equal(oomKills({ version: 1, dir }), 2)
})

test('memory of v2', () => {
  const dir = cgroup({
    'memory.current': '1000\n',
    'memory.peak': '2000\n',
    'memory.max': '4000\n',
    'memory.swap.current': '500\n',
    'memory.swap.max': '600\n',
    'memory.events': 'low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n',
    'memory.stat': 'file 100\ninactive_file 40\n',
  })
  assert.deepEqual(memoryStats({ version: 2, dir }), {
    usage: { usage: 1000, peak: 2000, failures: 5, limit: 4000 },
    swap: { usage: 500, peak: 0, failures: 0, limit: 600 },
    usageWithSwap: { usage: 1500, peak: 0, failures: 0, limit: 4600 },
    cache: 100,
    workingSet: 960,
    stat: { file: 100, inactive_file: 40 },
    oomKills: 1,
  })
  assert.equal(memoryStats({ version: 2, dir: cgroup({}) }), undefined, 'without the controller there are none')
})

test('cpu time of v1 in nanoseconds', () => {
  const cpu = cgroup({ 'cpu.stat': 'nr_periods 10\nnr_throttled 2\nthrottled_time 300\nnr_bursts 1\nburst_time 5\n' })
  const cpuacct = cgroup({
    'cpuacct.stat': 'user 7\nsystem 3\n',
    'cpuacct.usage': '123456\n',
    'cpuacct.usage_percpu': '100 23 \n',
    'cpuacct.usage_all': 'cpu user system\n0 60 40\n1 20 3\n',
  })
  assert.deepEqual(cpuStatsV1(cpu, cpuacct), {
    total: 123456,
    user: 70_000_000,
    system: 30_000_000,
    perCpu: [100, 23],
    perCpuUser: [60, 20],
    perCpuSystem: [40, 3],
    throttling: { periods: 10, throttled: 2, time: 300 },
    bursts: { periods: 1, time: 5 },
  })
})

test('cpu time of v2 in nanoseconds', () => {
  const dir = cgroup({
    'cpu.stat': 'usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 3\nnr_throttled 1\nthrottled_usec 2\nnr_bursts 0\nburst_usec 0\n',
  })
  assert.deepEqual(cpuStatsV2(dir), {
    total: 10_000,
    user: 6000,
    system: 4000,
    throttling: { periods: 3, throttled: 1, time: 2000 },
    bursts: { periods: 0, time: 0 },
  })
})

test('cpuset without prefix', () => {
  const stats = cpusetStatsV1(cgroup({ cpus: '0-1\n', mems: '0\n', sched_relax_domain_level: '-1\n' }))
  assert.deepEqual([stats?.cpus, stats?.mems, stats?.flags['sched_relax_domain_level']], [[0, 1], [0], -1])
})

test('io of v1: from the scheduler that has numbers', () => {
  const dir = cgroup({
    'blkio.bfq.io_service_bytes_recursive': 'Total 0\n',
    'blkio.bfq.io_serviced_recursive': 'Total 0\n',
    'blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Total 10\nTotal 10\n',
    'blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Total 1\nTotal 1\n',
  })
  const stats = ioStats({ version: 1, dir })
  assert.deepEqual(stats?.serviceBytes, [
    { major: 8, minor: 0, operation: 'Read', value: 10 },
    { major: 8, minor: 0, operation: 'Total', value: 10 },
  ])
  assert.equal(stats?.serviced.length, 2)
})

test('io of v2 by the names of v1', () => {
  const dir = cgroup({ 'io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n253:1 \n' })
  const stats = ioStats({ version: 2, dir })
  assert.deepEqual(
    stats?.serviceBytes.map(({ operation, value }) => `${operation} ${value}`),
    ['Read 10', 'Write 20', 'Discard 0'],
  )
  assert.deepEqual(
    stats?.serviced.map(({ operation, value }) => `${operation} ${value}`),
    ['Read 1', 'Write 2', 'Discard 0'],
  )
})

test('pids, with and without the controller', () => {
  assert.deepEqual(pidsStats({ version: 2, dir: cgroup({ 'pids.current': '3\n', 'pids.max': '10\n' }) }), { current: 3, limit: 10 })
  assert.deepEqual(pidsStats({ version: 2, dir: cgroup({ 'pids.current': '3\n', 'pids.max': 'max\n' }) }), { current: 3 })
  assert.deepEqual(pidsStats({ version: 2, dir: cgroup({ 'cgroup.procs': '5\n6\n' }) }), { current: 2 })
})

test('rdma', () => {
  const dir = cgroup({ 'rdma.current': 'mlx hca_handle=1 hca_object=20\n', 'rdma.max': 'mlx hca_handle=2 hca_object=max\n' })
  assert.deepEqual(rdmaStats({ version: 2, dir }), { mlx: { current: { handles: 1, objects: 20 }, limit: { handles: 2 } } })
})

test('sizes of huge pages are named as the kernel does', () => {
  assert.deepEqual([64, 2048, 1048576].map(pageSizeName), ['64KB', '2MB', '1GB'])
})
