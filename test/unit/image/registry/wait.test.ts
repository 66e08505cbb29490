import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Patience } from '../../../../image/registry/patience.ts'
import { LIMITS } from '../../../../image/registry/options.ts'
import { backOff, retryAfter } from '../../../../image/registry/wait.ts'
import { WherryError } from '../../../../runtime/errors.ts'

test('waits double, up to the longest, and differ by a random half', () => {
  const limits = { firstWait: 500, longestWait: 20_000 }
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backOff(failures, limits, 1)),
    [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000],
  )
  assert.deepEqual(
    [1, 2, 100].map((failures) => backOff(failures, limits, 0)),
    [250, 500, 10_000],
  )
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2024-02-03T04:05:06Z')
  assert.equal(retryAfter('0', now), 0)
  assert.equal(retryAfter(' 120 ', now), 120_000)
  assert.equal(retryAfter('Sat, 03 Feb 2024 04:05:16 GMT', now), 10_000)
  assert.equal(retryAfter('Saturday, 03-Feb-24 04:05:16 GMT', now), 10_000)
  assert.equal(retryAfter('Sat Feb  3 04:05:16 2024', now), 10_000)
  assert.equal(retryAfter('Sat, 03 Feb 2024 04:05:00 GMT', now), 0, 'past')
  for (const wrong of [null, '', '-1', '1.5', 'soon', '2024-02-03', '1e3', 'Sat, soon', '9'.repeat(30)])
    assert.equal(retryAfter(wrong, now), undefined, String(wrong))
})

const error = new WherryError('unavailable', 'no')
const limits = { ...LIMITS, tries: 3, firstWait: 0, longestWait: 0, progress: 100 }

test('patience ends after so many failures without progress between them', async () => {
  const patience = new Patience(limits, 'x', undefined)
  await patience.failed({ error })
  await patience.failed({ error })
  await assert.rejects(patience.failed({ error }), error)
})

test('too little progress between failures is none', async () => {
  const patience = new Patience(limits, 'x', undefined)
  await patience.failed({ error })
  patience.progress(99)
  await patience.failed({ error })
  patience.progress(99)
  await assert.rejects(patience.failed({ error }), error)
})

test('progress renews it', async () => {
  const patience = new Patience(limits, 'x', undefined)
  for (let round = 0; round < 10; round++) {
    await patience.failed({ error })
    await patience.failed({ error })
    patience.progress(60)
    patience.progress(60)
    assert.equal(patience.failures, 0)
  }
})

test('what may help once is tried once', async () => {
  const patience = new Patience(limits, 'x', undefined)
  await patience.failed({ error, once: true })
  await assert.rejects(patience.failed({ error, once: true }), error)
})

test('waiting ends when it is cancelled', async () => {
  const patience = new Patience(limits, 'image', AbortSignal.timeout(10))
  await assert.rejects(patience.failed({ error, wait: 60_000 }), { kind: 'cancelled', message: 'image: cancelled' })
})
