import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from '../../../../cri/server/turns.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('one begins per turn of the event loop, in the order in which they came', async () => {
  const turns = new Turns()
  const order: string[] = []
  const all = [1, 2, 3].map(async (which) => {
    await turns.take()
    order.push(`begins ${which}`)
  })
  await Promise.resolve()
  await Promise.resolve()
  assert.deepEqual(order, ['begins 1'], 'at once')
  for (let loop = 0; order.length < 3 && loop < 20; loop++) {
    order.push(`turn`)
    const before = order.filter((line) => line !== 'turn').length
    await turn()
    assert.ok(order.filter((line) => line !== 'turn').length - before <= 1, 'no two in one turn')
  }
  await Promise.all(all)
  assert.deepEqual(
    order.filter((line) => line !== 'turn'),
    ['begins 1', 'begins 2', 'begins 3'],
  )
})

test('who comes alone does not wait', async () => {
  const turns = new Turns()
  for (let round = 0; round < 3; round++) {
    let begun = false
    const taken = turns.take().then(() => {
      begun = true
    })
    await Promise.resolve()
    await Promise.resolve()
    assert.ok(begun)
    await taken
    await turn()
    await turn()
  }
})
