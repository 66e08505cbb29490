import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runcStats } from '../../../../runtime/cgroups/stats/runc.ts'
import { stringifyJson } from '../../../../runtime/spec/json.ts'

test('zeros are left out where Go does, and kept where it does not', () => {
  const json = stringifyJson(runcStats({ version: 2, hugetlb: { '2MB': { usage: 0, peak: 0, failures: 0 } }, rdma: {} }))
  assert.equal(
    json,
    '{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},' +
      '"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,' +
      '"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},' +
      '"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},' +
      '"pids":{},"blkio":{},"hugetlb":{"2MB":{"failcnt":0}},"intel_rdt":{},"network_interfaces":null}',
  )
})

const counter = { usage: 5, peak: 6, failures: 1 }
const memory = { usage: counter, cache: 1, workingSet: 4, stat: { hierarchical_memory_limit: Number(2n ** 63n - 4096n) }, oomKills: 0 }

test('no limit is all bits of v2, and the greatest number of pages of v1, exactly', () => {
  const limit = (version: 1 | 2) => stringifyJson(runcStats({ version, memory, hugetlb: {}, rdma: {} }).memory.usage)
  assert.equal(limit(2), '{"limit":18446744073709551615,"usage":5,"max":6,"failcnt":1}')
  assert.equal(limit(1), '{"limit":9223372036854771712,"usage":5,"max":6,"failcnt":1}')
  assert.match(
    stringifyJson(runcStats({ version: 1, memory, hugetlb: {}, rdma: {} })),
    /"raw":\{"hierarchical_memory_limit":9223372036854771712\}/,
  )
})

test('names of the fields', () => {
  const pressure = { some: { avg10: 1.5, avg60: 0, avg300: 0, total: 9 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 0 } }
  const stats = runcStats({
    version: 1,
    cpu: {
      total: 10,
      user: 6,
      system: 4,
      perCpu: [7, 3],
      perCpuUser: [5, 1],
      perCpuSystem: [2, 2],
      throttling: { periods: 3, throttled: 2, time: 1 },
      bursts: { periods: 0, time: 0 },
      pressure,
    },
    io: {
      serviceBytes: [{ major: 8, minor: 0, operation: 'Read', value: 10 }],
      serviced: [],
      queued: [],
      serviceTime: [],
      waitTime: [],
      merged: [],
      time: [],
      sectors: [],
    },
    pids: { current: 3, limit: 9 },
    hugetlb: {},
    rdma: {},
  })
  assert.equal(
    stringifyJson(stats.cpu),
    '{"usage":{"total":10,"percpu":[7,3],"percpu_kernel":[2,2],"percpu_user":[5,1],"kernel":4,"user":6},' +
      '"throttling":{"periods":3,"throttledPeriods":2,"throttledTime":1},' +
      '"psi":{"some":{"avg10":1.5,"avg60":0,"avg300":0,"total":9},"full":{"avg10":0,"avg60":0,"avg300":0,"total":0}}}',
  )
  assert.equal(stringifyJson(stats.blkio), '{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":10}]}')
  assert.equal(stringifyJson(stats.pids), '{"current":3,"limit":9}')
})
