import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rate } from '../../../../cri/stats/rate.ts'

const SECOND = 1_000_000_000
const at = (seconds: number): bigint => BigInt(Math.round(seconds * 1000)) * 1_000_000n

test('a first reading has no rate, the second has one', () => {
  const rate = new Rate()
  assert.equal(rate.add(at(1), 5 * SECOND), undefined)
  assert.equal(rate.add(at(11), 10 * SECOND), SECOND / 2)
})

test('two readings in quick succession have none of their own, and do not disturb the rate of longer ones', () => {
  const rate = new Rate()
  rate.add(at(0), 0)
  assert.equal(rate.add(at(0.01), SECOND), undefined)
  assert.equal(rate.add(at(10), 20 * SECOND), 2 * SECOND)
  // since 0, not since a hundredth of a second ago
  assert.equal(rate.add(at(10.01), 20 * SECOND), Math.round((20 / 10.01) * SECOND))
  assert.equal(rate.add(at(20), 20 * SECOND), 0)
})

test('a reading of long ago does not count', () => {
  const rate = new Rate()
  rate.add(at(0), 0)
  assert.equal(rate.add(at(3600), 3600 * SECOND), undefined)
  assert.equal(rate.add(at(3610), 3605 * SECOND), SECOND / 2)
})

test('a counter that begins anew is another cgroup’s', () => {
  const rate = new Rate()
  rate.add(at(0), 100 * SECOND)
  assert.equal(rate.add(at(10), SECOND), undefined)
  assert.equal(rate.add(at(20), 11 * SECOND), SECOND)
})
