/** Containers as they are written down: names, ids, documents, and what counts of what a killed process has left. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { takeName } from '../../../../cli/containers/allocate.ts'
import { readDocument, writeDocument } from '../../../../cli/containers/documents.ts'
import { placesOf } from '../../../../cli/containers/home.ts'
import { newId, shortId } from '../../../../cli/containers/ids.ts'
import { lock, locked, tryLock, unlock } from '../../../../cli/containers/lock.ts'
import { checkName, holderOf, releaseName, reserveName } from '../../../../cli/containers/names.ts'
import { randomName } from '../../../../cli/containers/random-name.ts'
import { findContainer, listContainers, makeFolder, readContainer, tryFind, writeConfig } from '../../../../cli/containers/store.ts'
import { tidyAll } from '../../../../cli/containers/tidy.ts'
import { configOf, makeHome, NEW, putContainer, type TestHome } from '../../../support/home.ts'

const home = (t: TestContext): TestHome => {
  const made = makeHome()
  t.after(() => made.remove())
  return made
}

test('ids are 64 hexadecimal digits, and what is shown of them is no number', () => {
  for (let count = 0; count < 100; count++) {
    const id = newId()
    assert.match(id, /^[0-9a-f]{64}$/)
    assert.doesNotMatch(shortId(id), /^\d+$/)
  }
})

test('made-up names are names', () => {
  for (let attempt = 0; attempt < 50; attempt++) assert.match(checkName(randomName(attempt)), /^[a-z]+_[a-z]+\d*$/)
})

test('what is no name is refused', () => {
  for (const name of ['', '.', '-a', 'a/b', 'a b', 'ä', 'a'.repeat(129), 'a\n', '../x', ',id'])
    assert.throws(() => checkName(name), { kind: 'invalid-argument' })
  for (const name of ['a', 'A-b_c.d', '0', 'a'.repeat(128)]) assert.equal(checkName(name), name)
})

test('a document is written whole; a torn one is none, and one of another version is refused', (t) => {
  const { root } = home(t)
  mkdirSync(root, { recursive: true })
  const path = `${root}/document`
  assert.equal(readDocument(path, 1), undefined)
  writeDocument(path, { version: 1, a: 2 } as { version: 1 }, { durable: true })
  assert.deepEqual(readDocument(path, 1), { version: 1, a: 2 })
  assert.deepEqual(readdirSync(root), ['document'])
  writeFileSync(path, '{"version":1,')
  assert.equal(readDocument(path, 1), undefined)
  writeFileSync(path, '{"version":2}')
  assert.throws(() => readDocument(path, 1), { kind: 'unsupported', message: /is of version 2, this program reads 1/ })
})

test('a name is one container’s, and only he gives it up', (t) => {
  const own = home(t)
  const [one, other] = [newId(), newId()]
  assert.equal(reserveName(own, 'name', one), undefined)
  assert.equal(reserveName(own, 'name', other), one)
  assert.equal(holderOf(own, 'name'), one)
  releaseName(own, 'name', other)
  assert.equal(holderOf(own, 'name'), one)
  releaseName(own, 'name', one)
  releaseName(own, 'name', one)
  assert.equal(holderOf(own, 'name'), undefined)
  assert.equal(reserveName(own, 'name', other), undefined)
  assert.deepEqual(readdirSync(`${own.root}/names`), ['name'])
})

test('a name of a creation that was killed is free; of one that goes on it is not', async (t) => {
  const own = home(t)
  const dead = configOf('name')
  const fd = (await lock(own, dead.id))!
  makeFolder(own, dead.id)
  writeConfig(own, dead)
  reserveName(own, 'name', dead.id)
  const id = newId()
  await assert.rejects(takeName(own, 'name', id), {
    kind: 'already-exists',
    message: /in use by container [0-9a-f]{12}, which is being made or removed/,
  })
  unlock(fd)
  await takeName(own, 'name', id)
  assert.equal(holderOf(own, 'name'), id)
  assert.equal(existsSync(placesOf(own, dead.id).folder), false)
})

test('a name of a container that was renamed meanwhile is free, its new one is not', async (t) => {
  const own = home(t)
  const config = putContainer(own, 'old')
  reserveName(own, 'new', config.id)
  writeConfig(own, { ...config, name: 'new' })
  const id = newId()
  await takeName(own, 'old', id)
  await assert.rejects(takeName(own, 'new', id), { kind: 'already-exists', message: /the name new is in use by container/ })
})

test('by name, by id, by the beginning of an id', (t) => {
  const own = home(t)
  const ids = [`aa11${'0'.repeat(60)}`, `aa22${'0'.repeat(60)}`, `bb${'0'.repeat(62)}`]
  for (const [index, id] of ids.entries()) putContainer(own, `name${index}`, { id })
  putContainer(own, 'aa1', { id: `cc${'0'.repeat(62)}` })
  assert.equal(findContainer(own, 'name1').id, ids[1])
  assert.equal(findContainer(own, '/name1').id, ids[1])
  assert.equal(findContainer(own, ids[0]!).config.name, 'name0')
  assert.equal(findContainer(own, 'bb').id, ids[2])
  assert.equal(findContainer(own, 'aa1').config.name, 'aa1', 'a name before the beginning of an id')
  assert.throws(() => findContainer(own, 'aa'), {
    kind: 'invalid-argument',
    message: 'container aa is ambiguous: aa1100000000 (name0), aa2200000000 (name1); write more of the id, or a name',
  })
  assert.equal(tryFind(own, 'ff'), undefined)
  assert.throws(() => findContainer(own, 'ff'), { kind: 'not-found', message: /there is no container "ff": `wherry ps --all`/ })
})

test('a lock is held by one, and waited for', async (t) => {
  const own = home(t)
  const id = newId()
  const first = (await lock(own, id))!
  assert.equal(tryLock(own, id), undefined)
  const order: string[] = []
  const second = locked(own, id, () => order.push('second'))
  order.push('first')
  unlock(first)
  await second
  assert.deepEqual(order, ['first', 'second'])
  await assert.rejects(
    (async () => {
      const fd = (await lock(own, id))!
      try {
        await lock(own, id, AbortSignal.timeout(20))
      } finally {
        unlock(fd)
      }
    })(),
    { name: 'TimeoutError' },
  )
})

test('what was never more than half made is taken away by whoever lists, and what is being made is left alone', async (t) => {
  const own = home(t)
  const whole = putContainer(own, 'whole')
  const dead = configOf('dead')
  makeFolder(own, dead.id)
  writeConfig(own, dead)
  reserveName(own, 'dead', dead.id)
  const folder = newId()
  makeFolder(own, folder)
  const making = configOf('making')
  const fd = (await lock(own, making.id))!
  makeFolder(own, making.id)
  mkdirSync(placesOf(own, newId()).run, { recursive: true })
  assert.deepEqual(
    (await tidyAll(own)).map(({ id }) => id),
    [whole.id],
  )
  assert.deepEqual(readdirSync(`${own.root}/containers`).sort(), [whole.id, making.id].sort())
  assert.deepEqual(readdirSync(`${own.root}/names`), ['whole'])
  assert.deepEqual(readdirSync(`${own.runRoot}/containers`), [making.id])
  unlock(fd)
})

test('one whose removal was killed is removed', async (t) => {
  const own = home(t)
  putContainer(own, 'gone', { state: { ...NEW, phase: 'removing' } })
  assert.deepEqual(await tidyAll(own), [])
  assert.deepEqual(readdirSync(`${own.root}/containers`), [])
  assert.deepEqual(readdirSync(`${own.root}/names`), [])
})

test('one that ran in an earlier start of the machine has exited, with a status that nobody knows', async (t) => {
  const own = home(t)
  const { id } = putContainer(own, 'ran', { state: { ...NEW, phase: 'started', boot: 'another', started: '2026-01-01T00:00:00Z' } })
  const [container] = await tidyAll(own)
  assert.deepEqual([container?.state.phase, container?.state.exitCode], ['exited', 255])
  assert.match(container?.state.error ?? '', /the machine was restarted/)
  assert.equal(readContainer(own, id)?.state.phase, 'exited')
})

test('containers are listed by their age, the newest first', (t) => {
  const own = home(t)
  for (const [name, created] of [
    ['b', '2026-01-02T00:00:00.000000000Z'],
    ['a', '2026-01-01T00:00:00.000000001Z'],
    ['c', '2026-01-03T00:00:00.000000000Z'],
  ] as const) {
    const config = putContainer(own, name)
    writeConfig(own, { ...config, created })
  }
  assert.deepEqual(
    listContainers(own).map(({ config }) => config.name),
    ['c', 'b', 'a'],
  )
  assert.equal(JSON.parse(readFileSync(placesOf(own, listContainers(own)[0]!.id).config, 'utf8')).version, 1)
})
