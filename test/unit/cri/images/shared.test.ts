import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Shared } from '../../../../cri/images/shared.ts'

/** Work that ends when it is told to, and tells whether it was aborted. */
const work = () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const begun: AbortSignal[] = []
  return {
    begun,
    resolve,
    reject,
    run: (signal: AbortSignal) => {
      begun.push(signal)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      return promise
    },
  }
}

const never = new AbortController().signal

describe('shared work', () => {
  test('is done once for equal keys, and again afterwards', async () => {
    const shared = new Shared<string>()
    const one = work()
    const both = [shared.run('a', never, one.run), shared.run('a', never, one.run)]
    const other = shared.run('b', never, async () => 'other')
    one.resolve('done')
    assert.deepEqual(await Promise.all([...both, other]), ['done', 'done', 'other'])
    assert.equal(one.begun.length, 1)
    assert.equal(await shared.run('a', never, async () => 'again'), 'again')
  })

  test('fails for all, and is done again afterwards', async () => {
    const shared = new Shared<string>()
    const one = work()
    const both = [shared.run('a', never, one.run), shared.run('a', never, one.run)]
    one.reject(new Error('broken'))
    for (const each of both) await assert.rejects(each, /broken/)
    assert.equal(await shared.run('a', never, async () => 'again'), 'again')
  })

  test('goes on for who stays', async () => {
    const shared = new Shared<string>()
    const one = work()
    const leaving = new AbortController()
    const first = shared.run('a', leaving.signal, one.run)
    const second = shared.run('a', never, one.run)
    leaving.abort(new Error('left'))
    await assert.rejects(first, /left/)
    assert.equal(one.begun[0]!.aborted, false)
    one.resolve('done')
    assert.equal(await second, 'done')
  })

  test('is aborted when nobody stays, and begun anew by the next', async () => {
    const shared = new Shared<string>()
    const one = work()
    const leaving = new AbortController()
    const first = shared.run('a', leaving.signal, one.run)
    leaving.abort(new Error('left'))
    await assert.rejects(first, /left/)
    assert.equal(one.begun[0]!.aborted, true)
    assert.equal(await shared.run('a', never, async () => 'anew'), 'anew')
  })

  test('is not begun for who has left already', async () => {
    const shared = new Shared<string>()
    const one = work()
    await assert.rejects(shared.run('a', AbortSignal.abort(new Error('left')), one.run), /left/)
    assert.equal(one.begun.length, 0)
  })
})
