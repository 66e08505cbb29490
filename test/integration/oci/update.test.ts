/** update: limits of a container that runs. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { layout } from '../../../runtime/cgroups/layout.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { requiresController } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { OURS } from '../../support/runtime.ts'

const skip = requires('root', 'busybox') || requiresController('memory', 'cpu', 'cpuset', 'pids')

const MiB = 2 ** 20

/** The limits that the tests change. */
const limits = (box: Bundle) => {
  const v1 = layout().hierarchies.has('cpu')
  const unlimited = (text: string) => (text === 'max' || Number(text) > 2 ** 60 ? 'max' : text)
  const [quota, period] = v1
    ? [box.limit('cpu', 'cfs_quota_us', ''), box.limit('cpu', 'cfs_period_us', '')]
    : box.limit('cpu', '', 'max').split(' ')
  return {
    memory: unlimited(box.limit('memory', 'limit_in_bytes', 'max')),
    reservation: unlimited(box.limit('memory', 'soft_limit_in_bytes', 'low')),
    quota: quota === '-1' ? 'max' : quota,
    period,
    cpus: box.limit('cpuset', 'cpus', 'cpus'),
    pids: box.limit('pids', 'max', 'max'),
  }
}

const running = async (t: Parameters<typeof bundle>[0]): Promise<Bundle> => {
  const box = bundle(t, ({ linux }) => {
    linux.resources = {
      memory: { limit: 64 * MiB, reservation: 32 * MiB },
      cpu: { quota: 100_000, period: 200_000, cpus: '0' },
      pids: { limit: 50 },
    }
  })
  await box.up()
  return box
}

const INITIAL = { memory: String(64 * MiB), reservation: String(32 * MiB), quota: '100000', period: '200000', cpus: '0', pids: '50' }

test('each flag changes its limit and nothing else', { skip }, async (t) => {
  const box = await running(t)
  assert.deepEqual(limits(box), INITIAL)
  let expected: ReturnType<typeof limits> = INITIAL
  for (const [flags, change] of [
    [['--memory', '96M'], { memory: String(96 * MiB) }],
    [['--memory-reservation', '33554433'], { reservation: String(32 * MiB) }],
    [['--cpu-period', '300000'], { period: '300000' }],
    [['--cpu-quota', '150000'], { quota: '150000' }],
    [['--pids-limit', '20'], { pids: '20' }],
    [['--pids-limit', '-1'], { pids: 'max' }],
    [['--cpu-quota', '-1'], { quota: 'max' }],
    [['--memory', '-1'], { memory: 'max' }],
  ] as const) {
    await box.must('update', ...flags, box.id)
    expected = { ...expected, ...change }
    assert.deepEqual(limits(box), expected, flags.join(' '))
  }
})

test('several at once, from flags after the id too', { skip }, async (t) => {
  const box = await running(t)
  await box.must('update', box.id, '--memory', '80M', '--pids-limit', '10', '--cpu-quota', '40000', '--cpu-period', '50000')
  assert.deepEqual(limits(box), { ...INITIAL, memory: String(80 * MiB), pids: '10', quota: '40000', period: '50000' })
})

test('resources as JSON from a file and from stdin', { skip }, async (t) => {
  const box = await running(t)
  const file = `${box.folder}/resources.json`
  writeFileSync(file, JSON.stringify({ memory: { limit: 70 * MiB }, CPU: { Quota: 120_000 }, pids: { limit: 12 } }))
  await box.must('update', '--resources', file, box.id)
  const expected = { ...INITIAL, memory: String(70 * MiB), quota: '120000', pids: '12' }
  assert.deepEqual(limits(box), expected)
  writeFileSync(file, JSON.stringify({ pids: { limit: 13 } }))
  assert.equal((await box.runtime(['update', '-r', '-', box.id], { stdin: file })).status, 0)
  assert.deepEqual(limits(box), { ...expected, pids: '13' })
})

test('an update that the kernel refuses changes nothing', { skip }, async (t) => {
  const box = await running(t)
  const result = await box.runtime(['update', '--pids-limit', '10', '--cpuset-cpus', '4000', box.id])
  assert.equal(result.status, 1)
  if (OURS) assert.match(result.stderr, /cpus/)
  if (OURS) assert.deepEqual(limits(box), INITIAL)
  for (const flags of [
    ['--memory', 'nonsense'],
    ['--cpu-quota', 'x'],
    ['--pids-limit', '1.5'],
    ['--cpu-period', '1'],
  ])
    assert.equal((await box.runtime(['update', ...flags, box.id])).status, 1, flags.join(' '))
})

test('a paused container stays paused, a created one can be updated, a stopped one cannot', { skip }, async (t) => {
  const box = await running(t)
  await box.must('pause', box.id)
  await box.must('update', '--pids-limit', '33', box.id)
  assert.equal((await box.state()).status, 'paused')
  assert.equal(limits(box).pids, '33')
  await box.must('delete', '--force', box.id)
  await box.create()
  await box.must('update', '--pids-limit', '34', box.id)
  assert.equal((await box.state()).status, 'created')
  assert.equal(limits(box).pids, '34')
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  if (OURS) assert.match((await box.runtime(['update', '--pids-limit', '35', box.id])).stderr, /container not running/)
})

test('the new limit is enforced', { skip }, async (t) => {
  const box = await running(t)
  await box.must('update', '--pids-limit', '4', box.id)
  const result = await box.exec(['sh', '-c', 'for i in 1 2 3 4 5; do sleep 5 & done'])
  assert.match(result.stderr, /can't fork/)
  assert.equal(readFileSync(`${box.cgroup('pids')}/pids.max`, 'utf8'), '4\n')
})
