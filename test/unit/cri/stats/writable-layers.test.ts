import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../../support/eventually.ts'
import { WritableLayers } from '../../../../cri/stats/writable-layers.ts'

const warn = (message: string): void => assert.fail(message)

test('a first figure is waited for, later ones are of a while ago', async () => {
  let counts = 0
  const count = async () => {
    counts += 1
    return { bytes: counts, inodes: 1 }
  }
  const layers = new WritableLayers({ fresh: 60_000, count, warn })
  assert.equal(layers.usage('a', '/a'), undefined)
  await layers.settled(10_000)
  const usage = layers.usage('a', '/a')
  assert.equal(usage?.bytes, 1)
  assert.ok(usage.at > 0n)
  assert.equal(layers.usage('a', '/a')?.at, usage.at)
  assert.equal(counts, 1)
})

test('those that nobody has counted come before those that are counted again', async () => {
  const order: string[] = []
  const count = async (path: string) => {
    order.push(path)
    return { bytes: 0, inodes: 0 }
  }
  const layers = new WritableLayers({ fresh: 0, count, warn })
  layers.usage('a', 'a')
  await layers.settled(10_000)
  layers.usage('a', 'a')
  layers.usage('b', 'b')
  await layers.settled(10_000)
  assert.deepEqual(order.slice(0, 2), ['a', 'b'])
})

test('a tree that takes long holds nobody up', async () => {
  let done: (() => void) | undefined
  const count = () =>
    new Promise<{ bytes: number; inodes: number }>((resolve) => {
      done = () => resolve({ bytes: 5, inodes: 1 })
    })
  const layers = new WritableLayers({ count, warn })
  layers.usage('a', '/a')
  await layers.settled(1)
  assert.equal(layers.usage('a', '/a'), undefined)
  done?.()
  await layers.settled(10_000)
  assert.equal(layers.usage('a', '/a')?.bytes, 5)
})

test('who takes long is counted beside the others, and nobody waits for it', async () => {
  let turns = 0
  let going = true
  const count = async (path: string, pace: () => Promise<void>) => {
    if (path === '/huge')
      while (going) {
        turns += 1
        await pace()
      }
    return { bytes: 1, inodes: 1 }
  }
  const layers = new WritableLayers({ count, warn })
  layers.usage('huge', '/huge')
  // it is known to take long, and waited for no more
  await layers.settled(60_000)
  assert.equal(layers.usage('huge', '/huge'), undefined)
  layers.usage('small', '/small')
  await layers.settled(60_000)
  assert.equal(layers.usage('small', '/small')?.bytes, 1)
  const before = turns
  await eventually('the other goes on', () => turns > before)
  going = false
  await eventually('it is counted', () => layers.usage('huge', '/huge') !== undefined)
})

test('of several that take long one is counted at a time', async () => {
  const running = new Set<string>()
  let most = 0
  let going = true
  const count = async (path: string, pace: () => Promise<void>) => {
    for (const until = performance.now() + 60; performance.now() < until; ) await pace()
    // it takes long by now: this is where it waits for its turn
    await pace()
    running.add(path)
    most = Math.max(most, running.size)
    while (going) await pace()
    running.delete(path)
    return { bytes: 1, inodes: 1 }
  }
  const layers = new WritableLayers({ count, warn })
  for (const id of ['a', 'b']) layers.usage(id, id)
  await layers.settled(60_000)
  await eventually('one is counted', () => running.size > 0)
  going = false
  await eventually('both are', () => ['a', 'b'].every((id) => layers.usage(id, id) !== undefined))
  assert.equal(most, 1)
})

test('what cannot be counted is said once a turn, and others are', async () => {
  const said: string[] = []
  const count = async (path: string) => {
    if (path === '/bad') throw new Error('EIO')
    return { bytes: 1, inodes: 1 }
  }
  const layers = new WritableLayers({ count, warn: (message) => said.push(message) })
  layers.usage('bad', '/bad')
  layers.usage('good', '/good')
  await layers.settled(10_000)
  assert.equal(layers.usage('good', '/good')?.bytes, 1)
  assert.equal(layers.usage('bad', '/bad'), undefined)
  assert.deepEqual(said, ['/bad: cannot be counted: EIO'])
})

test('nobody waits for what is gone', async () => {
  const layers = new WritableLayers({ count: () => new Promise(() => {}), warn })
  layers.usage('a', '/a')
  const settled = layers.settled(60_000)
  layers.forget('a')
  await settled
})

test('those that are gone are forgotten', async () => {
  const layers = new WritableLayers({ count: async () => ({ bytes: 1, inodes: 1 }), warn })
  layers.usage('a', '/a')
  await layers.settled(10_000)
  layers.retain(new Set())
  assert.equal(layers.usage('a', '/a'), undefined)
})
