/** Readings of cgroups that lie in folders: v1 and v2 whatever the machine has. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Group } from '../../../../cri/stats/group.ts'
import { Collector } from '../../../../cri/stats/metrics/collector.ts'
import { addGroup } from '../../../../cri/stats/metrics/container.ts'
import { BASE_LABELS, DESCRIPTORS } from '../../../../cri/stats/metrics/descriptors.ts'
import { groupUsage } from '../../../../cri/stats/usage-messages.ts'

const PSI = 'some avg10=1.00 avg60=2.00 avg300=3.00 total=4000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n'

const V2: Readonly<Record<string, string>> = {
  'cpu.stat':
    'usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 7000000\nnr_bursts 0\nburst_usec 0\n',
  'cpu.pressure': PSI,
  'memory.current': '10000000\n',
  'memory.stat':
    'anon 3000000\nfile 6000000\nkernel 400000\nkernel_stack 16384\nfile_mapped 50000\ninactive_file 2000000\nactive_file 1000000\npgfault 77\npgmajfault 5\n',
  'memory.max': '20000000\n',
  'memory.swap.current': '4096\n',
  'memory.swap.max': '8192\n',
  'memory.peak': '15000000\n',
  'memory.events': 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n',
  'memory.pressure': PSI,
  'io.pressure': PSI,
  'io.stat': '259:0 rbytes=1000 wbytes=2000 rios=3 wios=4 dbytes=0 dios=0\n',
  'pids.current': '6\n',
  'pids.max': 'max\n',
  'cgroup.procs': '',
}

const V1: Readonly<Record<string, string>> = {
  'cpuacct.usage': '5000000000\n',
  'cpuacct.stat': 'user 300\nsystem 200\n',
  'cpu.stat': 'nr_periods 10\nnr_throttled 3\nthrottled_time 7000000000\n',
  'memory.usage_in_bytes': '10000000\n',
  'memory.stat':
    'cache 1\nrss 1\ninactive_file 1\npgfault 1\npgmajfault 1\nhierarchical_memory_limit 20000000\ntotal_cache 6000000\ntotal_rss 3000000\ntotal_mapped_file 50000\ntotal_swap 4096\ntotal_pgfault 77\ntotal_pgmajfault 5\ntotal_inactive_file 2000000\ntotal_active_file 1000000\n',
  'memory.limit_in_bytes': '20000000\n',
  'memory.memsw.limit_in_bytes': '20008192\n',
  'memory.max_usage_in_bytes': '15000000\n',
  'memory.failcnt': '9\n',
  'memory.kmem.usage_in_bytes': '400000\n',
  'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  'blkio.bfq.io_service_bytes_recursive': 'Total 0\n',
  'blkio.bfq.io_serviced_recursive': 'Total 0\n',
  'blkio.throttle.io_service_bytes_recursive': '259:0 Read 1000\n259:0 Write 2000\n259:0 Sync 0\n259:0 Total 3000\nTotal 3000\n',
  'blkio.throttle.io_serviced_recursive': '259:0 Read 3\n259:0 Write 4\n259:0 Total 7\nTotal 7\n',
  'pids.current': '6\n',
  'pids.max': 'max\n',
  'cgroup.procs': '',
}

const groupIn = (t: TestContext, version: 1 | 2, files: Readonly<Record<string, string>>): Group => {
  const dir = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  const home = { version, dir }
  const group = new Group({
    path: '/kubepods/x',
    cpu: home,
    memory: home,
    pids: home,
    io: home,
    processes: dir,
    ...(version === 1 ? { cpuacct: dir } : {}),
  })
  t.after(() => {
    group.close()
    rmSync(dir, { recursive: true })
  })
  return group
}

for (const [version, files] of [
  [1, V1],
  [2, V2],
] as const) {
  test(`v${version}: CPU time, memory and swap`, (t) => {
    const { cpu, memory, swap } = groupUsage(groupIn(t, version, files))
    assert.equal(cpu?.usageCoreNanoSeconds?.value, 5_000_000_000n)
    assert.equal(cpu.usageNanoCores, undefined)
    assert.equal(memory?.usageBytes?.value, 10_000_000n)
    assert.equal(memory.workingSetBytes?.value, 8_000_000n)
    assert.equal(memory.availableBytes?.value, 12_000_000n)
    assert.equal(memory.rssBytes?.value, 3_000_000n)
    assert.equal(memory.pageFaults?.value, 77n)
    assert.equal(memory.majorPageFaults?.value, 5n)
    assert.equal(swap?.swapUsageBytes?.value, 4096n)
    assert.equal(swap.swapAvailableBytes?.value, 4096n)
    assert.ok(Math.abs(Number(cpu.timestamp) / 1e6 - Date.now()) < 60_000, 'the timestamp is in nanoseconds')
  })

  test(`v${version}: metrics`, (t) => {
    const to = new Collector({ container: 'c', id: '/x', image: 'i', name: 'n', namespace: 'ns', pod: 'p' })
    addGroup(to, groupIn(t, version, files))
    const values = new Map(
      to.metrics.map(({ name, labelValues, value }) => [[name, ...(labelValues ?? []).slice(6)].join(' '), value?.value]),
    )
    const expected: Readonly<Record<string, bigint>> = {
      'container_cpu_usage_seconds_total total': 5n,
      container_cpu_user_seconds_total: 3n,
      container_cpu_system_seconds_total: 2n,
      container_cpu_cfs_periods_total: 10n,
      container_cpu_cfs_throttled_periods_total: 3n,
      container_cpu_cfs_throttled_seconds_total: 7n,
      container_memory_cache: 6_000_000n,
      container_memory_mapped_file: 50_000n,
      container_memory_max_usage_bytes: 15_000_000n,
      container_memory_failcnt: 9n,
      container_memory_kernel_usage: 400_000n,
      container_memory_swap: 4096n,
      'container_memory_failures_total pgmajfault hierarchy': 5n,
      container_oom_events_total: 1n,
      container_threads: 6n,
      container_threads_max: 0n,
    }
    for (const [name, value] of Object.entries(expected)) assert.equal(values.get(name), value, name)
    const bytes = to.metrics.filter(({ name }) => name === 'container_fs_writes_bytes_total')
    assert.deepEqual(
      bytes.map(({ value }) => value?.value),
      [2000n],
    )
    for (const { name, labelValues } of to.metrics) {
      const { labels } = DESCRIPTORS[name as keyof typeof DESCRIPTORS]
      assert.equal(labelValues?.length, BASE_LABELS.length + labels.length, `${name}: a value for every label`)
    }
  })

  test(`v${version}: a cgroup that is gone has nothing`, (t) => {
    const group = groupIn(t, version, {})
    assert.deepEqual(groupUsage(group), {})
    assert.equal(group.processes.threads(), undefined)
    const to = new Collector({ container: 'c', id: '/x', image: 'i', name: 'n', namespace: 'ns', pod: 'p' })
    addGroup(to, group)
    const names = to.metrics.map(({ name }) => name)
    assert.ok(!names.includes('container_cpu_usage_seconds_total') && !names.includes('container_memory_usage_bytes'))
  })
}

test('v2: pressure is in nanoseconds for CRI, in seconds for metrics', (t) => {
  const group = groupIn(t, 2, V2)
  const { cpu, memory, io } = groupUsage(group)
  for (const usage of [cpu, memory, io]) {
    assert.equal(usage?.psi?.Some?.Total, 4_000_000_000n)
    assert.equal(usage.psi.Full?.Total, 1_000_000_000n)
    assert.equal(usage.psi.Some.Avg60, 2)
  }
  const to = new Collector({ container: 'c', id: '/x', image: 'i', name: 'n', namespace: 'ns', pod: 'p' })
  addGroup(to, group)
  assert.equal(to.metrics.find(({ name }) => name === 'container_pressure_io_waiting_seconds_total')?.value?.value, 4n)
})

test('without a limit nothing is available, rather than 0', (t) => {
  const group = groupIn(t, 2, { ...V2, 'memory.max': 'max\n', 'memory.swap.max': 'max\n' })
  const { memory, swap } = groupUsage(group)
  assert.equal(memory?.availableBytes, undefined)
  assert.equal(swap?.swapAvailableBytes, undefined)
})

test('a page cache larger than what is counted leaves a working set of 0', (t) => {
  const { memory } = groupUsage(groupIn(t, 2, { ...V2, 'memory.current': '1000\n' }))
  assert.equal(memory?.workingSetBytes?.value, 0n)
})

test('a folder in the place of a file is an error that names it', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  t.after(() => rmSync(dir, { recursive: true }))
  mkdirSync(join(dir, 'cpu.stat'))
  const group = new Group({ path: '/', cpu: { version: 2, dir } })
  assert.throws(() => group.cpu.read(), /EISDIR/)
})
