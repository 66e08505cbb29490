/** When downloading ahead is of use, and that it can be broken off at any byte. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Ahead } from '../../../../image/pull/ahead.ts'
import { Interrupt } from '../../../../image/pull/interrupt.ts'
import { Pace } from '../../../../image/pull/pace.ts'
import { tools } from '../../../support/tools.ts'

/** A clock that the test moves. */
const clock = () => {
  let now = 0
  return {
    now: () => now,
    pass: (milliseconds: number): void => {
      now += milliseconds
    },
  }
}

/** A source and a consumer that take so long for each piece. */
const run = async (network: number, thread: number, pieces = 40): Promise<boolean> => {
  const { now, pass } = clock()
  const pace = new Pace(now)
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let piece = 0; piece < pieces; piece++) {
      pass(network)
      yield Buffer.alloc(1)
    }
  }
  let seen = 0
  for await (const piece of pace.measured(source())) {
    seen += piece.length
    pass(thread)
    if (seen === pieces) return pace.starved
  }
  throw new Error('it ended before its end')
}

describe('the pace', () => {
  test('is starved where the network is what is waited for', async () => {
    assert.deepEqual(await Promise.all([run(50, 5), run(20, 10)]), [true, true])
  })

  test('is not where unpacking is, or nothing is known yet', async () => {
    assert.deepEqual(await Promise.all([run(5, 50), run(10, 10), run(10, 1, 3)]), [false, false, false])
    assert.equal(new Pace().starved, false)
  })

  test('counts a wait that has not ended, and forgets what is long past', async () => {
    const { now, pass } = clock()
    const pace = new Pace(now)
    const stuck = pace.measured({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) })
    void stuck.next()
    assert.equal(pace.starved, false)
    pass(400)
    assert.equal(pace.starved, true)
    const other = new Pace(now)
    for await (const _ of other.measured(
      (async function* () {
        pass(400)
        yield Buffer.alloc(1)
      })(),
    ))
      assert.equal(other.starved, true)
    pass(3000)
    assert.equal(other.starved, false)
  })

  test('ends the source when it is left', async () => {
    let ended = false
    const source = (async function* () {
      try {
        for (;;) yield Buffer.alloc(1)
      } finally {
        ended = true
      }
    })()
    for await (const _ of new Pace().measured(source)) break
    assert.equal(ended, true)
  })
})

describe('an interrupt', () => {
  test('ends a wait, and does not end one that is over', async () => {
    let set = (): void => {}
    const interrupt = new Interrupt(new Promise<void>((resolve) => (set = resolve)))
    assert.equal(await interrupt.or(Promise.resolve(5)), 5)
    await assert.rejects(interrupt.or(Promise.reject(new Error('no'))), /no/)
    const waiting = interrupt.or(new Promise<number>(() => {}))
    set()
    assert.equal(await waiting, undefined)
    assert.equal(interrupt.set, true)
    assert.equal(await interrupt.or(new Promise<number>(() => {})), undefined)
    const failed = new Interrupt(Promise.reject(new Error('never told')))
    await setTimeout(0)
    assert.equal(failed.set, true)
    // nor is what comes too late told to nobody
    assert.equal(await failed.or(Promise.reject(new Error('too late'))), undefined)
  })
})

test('what is downloaded ahead and what comes afterwards are the whole, wherever it is broken off', async (t) => {
  const { path } = tools(t)
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index))
  const starved = { starved: true, untilStarved: async () => {} } as unknown as Pace
  for (let stopAt = 0; stopAt <= 10; stopAt++) {
    let stop = (): void => {}
    const stopped = new Promise<void>((resolve) => (stop = resolve))
    let asked = 0
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 100; at += 10) {
        if (asked++ === stopAt) stop()
        yield bytes.subarray(at, at + 10)
        await setTimeout(0)
      }
    }
    const fd = openSync(path('file'), 'w+')
    try {
      const ahead = new Ahead(source(), fd, 0, starved)
      await ahead.run(stopped, () => {})
      const there = readFileSync(path('file'))
      assert.equal(there.length, ahead.position)
      const rest: Uint8Array[] = []
      for await (const piece of ahead.rest()) rest.push(piece)
      assert.deepEqual(Buffer.concat([there, ...rest]), bytes)
      assert.equal(ahead.ended, stopAt === 10)
    } finally {
      closeSync(fd)
    }
  }
})
