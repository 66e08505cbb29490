import assert from 'node:assert/strict'
import test from 'node:test'
import { ContainerEventType } from '../../../../cri/api/api_pb.js'
import type { Cri } from '../../../../cri/cri.ts'
import { MOST_WAITING, openEvents } from '../../../../cri/events/open.ts'

/** A node without pods. */
const cri = (): Cri => ({ sandboxes: { get: () => undefined }, containers: { list: () => [] } }) as unknown as Cri
const { CONTAINER_CREATED_EVENT } = ContainerEventType

test('a reader gets what is told from the moment it subscribes, in order', async () => {
  const events = openEvents(cri)
  events.emit(CONTAINER_CREATED_EVENT, 'before', 's')
  const end = new AbortController()
  const reader = events.subscribe(end.signal)[Symbol.asyncIterator]()
  events.emit(CONTAINER_CREATED_EVENT, 'a', 's')
  events.emit(CONTAINER_CREATED_EVENT, 'b', 's')
  const later = async (): Promise<string | undefined> => (await reader.next()).value?.containerId
  assert.deepEqual([await later(), await later()], ['a', 'b'])
  const waiting = later()
  events.emit(CONTAINER_CREATED_EVENT, 'c', 's')
  assert.equal(await waiting, 'c')
  const last = reader.next()
  end.abort()
  assert.equal((await last).done, true)
})

test('a reader that does not read is cut off, and others are not', async () => {
  const events = openEvents(cri)
  const { signal } = new AbortController()
  const slow = events.subscribe(signal)[Symbol.asyncIterator]()
  const quick = events.subscribe(signal)[Symbol.asyncIterator]()
  for (let count = 0; count <= MOST_WAITING; count += 1) {
    events.emit(CONTAINER_CREATED_EVENT, String(count), 's')
    assert.equal((await quick.next()).value?.containerId, String(count))
  }
  await assert.rejects(slow.next(), { kind: 'resource-exhausted', message: /too slow.*list what there is/ })
  events.emit(CONTAINER_CREATED_EVENT, 'more', 's')
  assert.equal((await quick.next()).value?.containerId, 'more')
})

test('who leaves, or has left before, is told nothing', async () => {
  const events = openEvents(() => assert.fail('nobody listens'))
  const reader = events.subscribe(new AbortController().signal)[Symbol.asyncIterator]()
  await reader.return?.()
  const gone = events.subscribe(AbortSignal.abort())[Symbol.asyncIterator]()
  events.emit(CONTAINER_CREATED_EVENT, 'a', 's')
  assert.equal((await gone.next()).done, true)
})
