import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goTime, humanAgo, humanDuration, humanMemory, humanSize } from '../../../../cli/support/human.ts'

test('sizes are docker’s: powers of 1000, three digits', () => {
  for (const [bytes, text] of [
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [7_801_000, '7.8MB'],
    [12_345_678, '12.3MB'],
    [999_949, '1MB'],
    [1_500_000_000, '1.5GB'],
    [123_456_789_012, '123GB'],
  ] as const)
    assert.equal(humanSize(bytes), text)
  assert.equal(humanMemory(7_799_000), '7.438MiB')
  assert.equal(humanMemory(1023), '1023B')
})

test('durations are docker’s', () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
  for (const [milliseconds, text] of [
    [-5 * second, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [90 * second, 'About a minute'],
    [59 * minute, '59 minutes'],
    [61 * minute, 'About an hour'],
    [47 * hour, '47 hours'],
    [3 * day, '3 days'],
    [14 * day, '2 weeks'],
    [61 * day, '2 months'],
    [731 * day, '2 years'],
  ] as const)
    assert.equal(humanDuration(milliseconds), text)
  assert.equal(humanAgo(new Date(0), new Date(14 * day)), '2 weeks ago')
})

test('times are Go’s', () => {
  assert.match(goTime(new Date(0)), /^19(70-01-01|69-12-31) \d\d:\d\d:00 [+-]\d{4} \S+$/)
})
