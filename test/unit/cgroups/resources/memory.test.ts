import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { memoryWrites, swapMax } from '../../../../runtime/cgroups/resources/memory.ts'
import type { LinuxMemory } from '../../../../runtime/spec/types.ts'

const dir = mkdtempSync(`${tmpdir()}/wherry-memory-`)
after(() => rmSync(dir, { recursive: true }))

const writes = (memory: LinuxMemory, version: 1 | 2, live: Readonly<Record<string, string>> | undefined = undefined) => {
  const warnings: string[] = []
  for (const [file, text] of Object.entries(live ?? {})) writeFileSync(`${dir}/${file}`, text)
  const list = memoryWrites(memory, { homes: () => ({ version, dir }), live: live !== undefined, warn: (text) => warnings.push(text) })
  for (const file of Object.keys(live ?? {})) rmSync(`${dir}/${file}`)
  return { warnings, lines: list.map(({ file, value, optional }) => `${file}=${value}${optional ? '?' : ''}`) }
}

test('swap of v2 is swap of v1 without memory', () => {
  for (const [swap, limit, max] of [
    [0n, 0n, undefined],
    [0n, 100n, undefined],
    [0n, -1n, -1n],
    [-1n, 100n, -1n],
    [-1n, 0n, -1n],
    [300n, 100n, 200n],
    [100n, 100n, 0n],
    [300n, -1n, 300n],
  ] as const)
    assert.equal(swapMax(swap, limit), max, `${swap} ${limit}`)
  assert.throws(() => swapMax(100n, 0n), { path: 'linux.resources.memory.swap', message: /unable to set swap limit without memory limit/ })
  assert.throws(() => swapMax(50n, 100n), { path: 'linux.resources.memory.swap', message: /memory\+swap limit should be >= memory limit/ })
  assert.throws(() => swapMax(50n, -2n), { path: 'linux.resources.memory.limit' })
})

test('v1: all files, and of a new cgroup the limit first', () => {
  assert.deepEqual(
    writes({ limit: 100n, swap: 200n, reservation: 50n, swappiness: 0, disableOOMKiller: true, useHierarchy: true }, 1).lines,
    [
      'memory.limit_in_bytes=100',
      'memory.memsw.limit_in_bytes=200',
      'memory.soft_limit_in_bytes=50',
      'memory.use_hierarchy=1?',
      'memory.oom_control=1',
      'memory.swappiness=0',
    ],
  )
})

test('v1: the limit is never above that of memory and swap, whichever way both change', () => {
  const order = (limit: bigint, swap: bigint, together: string) =>
    writes({ limit, swap }, 1, { 'memory.memsw.limit_in_bytes': together }).lines
  assert.deepEqual(order(300n, 400n, '200'), ['memory.memsw.limit_in_bytes=400', 'memory.limit_in_bytes=300'], 'raised above the sum')
  assert.deepEqual(order(150n, 400n, '200'), ['memory.limit_in_bytes=150', 'memory.memsw.limit_in_bytes=400'], 'within it')
  assert.deepEqual(order(50n, 60n, '200'), ['memory.limit_in_bytes=50', 'memory.memsw.limit_in_bytes=60'], 'lowered')
  assert.deepEqual(order(-1n, -1n, '200'), ['memory.memsw.limit_in_bytes=-1', 'memory.limit_in_bytes=-1'], 'no limit')
})

test('v1: unlimited memory unlimits swap where the kernel counts it', () => {
  assert.deepEqual(writes({ limit: -1n }, 1).lines, ['memory.limit_in_bytes=-1', 'memory.memsw.limit_in_bytes=-1?'])
})

test('v1: swappiness out of range is refused by name', () => {
  assert.throws(() => writes({ swappiness: 101 }, 1), { path: 'linux.resources.memory.swappiness', message: /valid range is 0-100/ })
  assert.deepEqual(writes({ swappiness: -1 }, 1).lines, [])
})

test('v2: files, and a missing swap file is no loss where there is nothing to limit', () => {
  assert.deepEqual(writes({ limit: 100n, swap: 300n, reservation: 50n }, 2).lines, [
    'memory.swap.max=200',
    'memory.max=100',
    'memory.low=50',
  ])
  assert.deepEqual(writes({ limit: 100n, swap: 100n }, 2).lines, ['memory.swap.max=0?', 'memory.max=100'])
  assert.deepEqual(writes({ limit: -1n, reservation: -1n }, 2).lines, ['memory.swap.max=max?', 'memory.max=max', 'memory.low=max'])
  assert.deepEqual(writes({ limit: 0n, swap: 0n }, 2).lines, [])
})

test('v2: what has no effect is said', () => {
  const { warnings, lines } = writes({ swappiness: 3, disableOOMKiller: true, kernel: 5n }, 2)
  assert.deepEqual(lines, [])
  assert.match(
    warnings.join('\n'),
    /kernel memory settings are ignored[\s\S]*swappiness has no effect[\s\S]*disableOOMKiller has no effect/,
  )
})

test('v2 live: a new limit keeps the sum of memory and swap', () => {
  const now = { 'memory.max': '100', 'memory.swap.max': '200' }
  assert.deepEqual(writes({ limit: 150n }, 2, now).lines, ['memory.swap.max=150', 'memory.max=150'])
  assert.throws(() => writes({ limit: 400n }, 2, now), { path: 'linux.resources.memory.swap' }, 'above the sum, as on v1')
  assert.deepEqual(writes({ limit: 150n }, 2, { 'memory.max': '100', 'memory.swap.max': 'max' }).lines, ['memory.max=150'])
  assert.deepEqual(writes({ limit: 150n }, 2, { 'memory.max': 'max', 'memory.swap.max': '5' }).lines, ['memory.max=150'])
  assert.deepEqual(writes({ swap: 500n }, 2, now).lines, ['memory.swap.max=400'], 'a new swap counts from the limit that is')
  assert.throws(() => writes({ swap: 500n }, 2, { 'memory.max': 'max' }), /unable to set swap limit without memory limit/)
})

test('v2 live: checkBeforeUpdate refuses limits below the usage', () => {
  const now = { 'memory.current': '1000', 'memory.max': 'max', 'memory.swap.max': 'max' }
  assert.throws(() => writes({ limit: 900n, checkBeforeUpdate: true }, 2, now), {
    kind: 'failed-precondition',
    message: /rejecting memory limit 900 <= usage 1000/,
  })
  assert.throws(
    () => writes({ limit: 900n, swap: 950n, checkBeforeUpdate: true }, 2, now),
    /rejecting memory\+swap limit 950 <= usage 1000/,
  )
  assert.deepEqual(writes({ limit: 1001n, checkBeforeUpdate: true }, 2, now).lines, ['memory.max=1001'])
})
