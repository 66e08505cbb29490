import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitIn, numberAt, numberIn, pressureIn } from '../../../../cri/stats/text.ts'

const STAT = 'cache 4096\nrss 8192\ntotal_cache 12288\ntotal_rss 1\ntotal_rss_huge 7\n'

test('a value is found by its whole key', () => {
  assert.equal(numberAt(STAT, 'cache'), 4096)
  assert.equal(numberAt(STAT, 'total_cache'), 12288)
  assert.equal(numberAt(STAT, 'total_rss'), 1)
  assert.equal(numberAt(STAT, 'total_rss_huge'), 7)
  assert.equal(numberAt(STAT, 'total'), undefined)
  assert.equal(numberAt('', 'cache'), undefined)
})

test('a counter that is negative for a moment is 0', () => {
  assert.equal(numberIn('-1\n'), 0)
  assert.equal(numberAt('anon -4096\n', 'anon'), 0)
})

test('what is no limit is none', () => {
  assert.equal(limitIn('9223372036854771712\n'), undefined)
  assert.equal(limitIn('max\n'), undefined)
  assert.equal(limitIn('1048576\n'), 1048576)
  assert.equal(limitIn(undefined), undefined)
})

test('pressure has both lines, or that of some only', () => {
  const some = 'some avg10=1.50 avg60=0.25 avg300=0.00 total=123456\n'
  assert.deepEqual(pressureIn(`${some}full avg10=0.00 avg60=0.00 avg300=0.10 total=7\n`), {
    some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 123456 },
    full: { avg10: 0, avg60: 0, avg300: 0.1, total: 7 },
  })
  assert.equal(pressureIn(some)?.full.total, 0)
  assert.equal(pressureIn(undefined), undefined)
})
