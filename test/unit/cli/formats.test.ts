import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shownState } from '../../../cli/oci/container-state.ts'
import { oomEvent, statsEvent } from '../../../cli/oci/events.ts'
import { listJson, listTable } from '../../../cli/oci/list.ts'
import { selectProcesses } from '../../../cli/oci/ps.ts'
import type { ContainerState } from '../../../runtime/container/types.ts'
import { WherryError } from '../../../runtime/errors.ts'

const STATE: ContainerState = {
  version: 1,
  id: 'box',
  ociVersion: '1.2.1',
  bundle: '/b',
  rootfs: '/b/rootfs',
  created: '2026-11-20T14:14:50.058810157Z',
  owner: 'root',
  annotations: { z: '1', a: '2' },
  init: { pid: 42, startTime: 7 },
  cgroup: { driver: 'cgroupfs', layout: 'hybrid', paths: {}, rootless: false },
  status: 'running',
}

describe('state and list', () => {
  test('have runc’s keys in runc’s order', () => {
    assert.equal(
      listJson([shownState(STATE)]),
      '[{"ociVersion":"1.2.1","id":"box","pid":42,"status":"running","bundle":"/b","rootfs":"/b/rootfs","created":"2026-11-20T14:14:50.058810157Z","annotations":{"a":"2","z":"1"},"owner":"root"}]\n',
    )
  })

  test('leave out empty annotations, and the pid of what has ended', () => {
    const shown = shownState({ ...STATE, annotations: {}, status: 'stopped' })
    assert.equal(shown.pid, 0)
    assert.equal('annotations' in shown, false)
  })

  test('the table has runc’s columns', () => {
    const [header, line] = listTable([shownState(STATE)]).split('\n')
    assert.match(header!, /^ID {10}PID {9}STATUS {6}BUNDLE {6}CREATED {26}OWNER$/)
    assert.match(line!, /^box {9}42 {10}running {5}\/b {10}2026-11-20T14:14:50\.058810157Z {3}root$/)
  })

  test('no container is null in JSON, as Go writes it', () => {
    assert.equal(listJson([]), 'null\n')
  })
})

describe('ps', () => {
  const LISTING = 'UID   PID PPID CMD\nroot    1    0 init\nroot   42    1 sh -c x\nroot  420    1 other 42\n'

  test('shows the lines of the given processes', () => {
    assert.equal(selectProcesses(LISTING, [42]), 'UID   PID PPID CMD\nroot   42    1 sh -c x\n')
  })

  test('needs a column PID', () => {
    assert.throws(
      () => selectProcesses('CMD\nx\n', [1]),
      (error: unknown) => error instanceof WherryError && /no column PID/.test(error.message),
    )
  })
})

describe('events', () => {
  test('oom', () => {
    assert.equal(oomEvent('box'), '{"type":"oom","id":"box"}\n')
  })

  test('statistics without controllers are runc’s zeros', () => {
    assert.equal(
      statsEvent('box', { version: 2, hugetlb: {}, rdma: {} }),
      '{"type":"stats","id":"box","data":{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},' +
        '"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},' +
        '"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},' +
        '"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}}\n',
    )
  })

  test('numbers keep all their digits, keys of maps are sorted', () => {
    const { data } = JSON.parse(
      statsEvent('box', {
        version: 1,
        cpu: {
          total: 3,
          user: 1,
          system: 2,
          perCpu: [1, 2],
          throttling: { periods: 1, throttled: 0, time: 0 },
          bursts: { periods: 0, time: 0 },
        },
        memory: { usage: { usage: 5, peak: 6, failures: 0 }, cache: 0, workingSet: 5, stat: { rss: 1, cache: 0 }, oomKills: 0 },
        pids: { current: 4, limit: 10 },
        io: {
          serviceBytes: [{ major: 8, minor: 0, operation: 'Read', value: 512 }],
          serviced: [],
          queued: [],
          serviceTime: [],
          waitTime: [],
          merged: [],
          time: [],
          sectors: [],
        },
        hugetlb: { '2MB': { usage: 0, peak: 0, failures: 1 } },
        rdma: {},
      }).replace('9223372036854771712', '"exact"'),
    ) as { data: { cpu: unknown; memory: { usage: unknown; raw: object }; pids: unknown; blkio: unknown; hugetlb: unknown } }
    assert.deepEqual(data.cpu, { usage: { total: 3, percpu: [1, 2], kernel: 2, user: 1 }, throttling: { periods: 1 } })
    assert.deepEqual(data.memory.usage, { limit: 'exact', usage: 5, max: 6, failcnt: 0 })
    assert.deepEqual(Object.keys(data.memory.raw), ['cache', 'rss'])
    assert.deepEqual(data.pids, { current: 4, limit: 10 })
    assert.deepEqual(data.blkio, { ioServiceBytesRecursive: [{ major: 8, op: 'Read', value: 512 }] })
    assert.deepEqual(data.hugetlb, { '2MB': { failcnt: 1 } })
  })
})
