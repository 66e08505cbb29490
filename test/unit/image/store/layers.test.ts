import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { digestOf } from '../../../../image/digest.ts'
import { layerIdentities } from '../../../../image/store/chain-id.ts'
import { FACTS, namesIn, putLayer, withStore } from '../../../support/store.ts'

const [a, b] = ['a', 'b'].map((text) => digestOf(Buffer.from(text))) as [ReturnType<typeof digestOf>, ReturnType<typeof digestOf>]

describe('layers', () => {
  test('chain-ids are those of the image-spec', () => {
    // config.md: ChainID(L₀|L₁) = Digest(ChainID(L₀) + " " + DiffID(L₁))
    assert.deepEqual(layerIdentities([a, b]), [
      { diffID: a, chainID: a },
      { diffID: b, chainID: digestOf(Buffer.from(`${a} ${b}`)) },
    ])
  })

  test('one that needs no other is found by its diff-id upon anything', () =>
    withStore(async (store) => {
      const upper = layerIdentities([a, b])[1]!
      const layer = await putLayer(store, upper)
      assert.deepEqual([layer.key, layer.kind], [b, 'diff'])
      assert.equal(readFileSync(`${layer.root}/etc/layer`, 'utf8'), b)
      for (const identity of [upper, layerIdentities([b])[0]!, layerIdentities([b, a, b])[2]!])
        assert.deepEqual(store.layers.find(identity), layer)
      assert.deepEqual(store.layers.list(), [b])
      assert.deepEqual(namesIn(store, 'layers'), ['sha256'])
      assert.equal(await store.layers.begin(upper), undefined)
    }))

  for (const facts of [
    { ...FACTS, implied: ['tmp'] },
    { ...FACTS, links: ['usr/bin/x'] },
  ])
    test(`one with ${facts.implied.length > 0 ? 'implied folders' : 'links into lower ones'} is found upon the same ones alone`, () =>
      withStore(async (store) => {
        const upper = layerIdentities([a, b])[1]!
        const layer = await putLayer(store, upper, facts)
        assert.deepEqual([layer.key, layer.kind], [upper.chainID, 'chain'])
        assert.deepEqual(store.layers.find(upper)?.facts, facts)
        assert.equal(store.layers.find(layerIdentities([b])[0]!), undefined)
        const alone = await putLayer(store, layerIdentities([b])[0]!, FACTS)
        assert.equal(alone.key, b)
      }))

  test('one that was given up leaves nothing', () =>
    withStore(async (store) => {
      const identity = layerIdentities([a])[0]!
      const ingest = (await store.layers.begin(identity))!
      writeFileSync(`${ingest.folder}/root/x`, 'x')
      await ingest.discard()
      await ingest.discard()
      assert.deepEqual([namesIn(store, 'layers'), namesIn(store, 'layers/sha256'), namesIn(store, 'ingest')], [['sha256'], [], []])
    }))

  test('the second waits and finds it there', () =>
    withStore(async (store) => {
      const identity = layerIdentities([a])[0]!
      const first = (await store.layers.begin(identity))!
      const waited = Promise.withResolvers<void>()
      const second = store.layers.begin(identity, { onWait: () => waited.resolve() })
      await waited.promise
      await first.commit(FACTS)
      assert.equal(await second, undefined)
    }))

  test('the second takes over, and finds no rubbish', () =>
    withStore(async (store) => {
      const identity = layerIdentities([a])[0]!
      const first = (await store.layers.begin(identity))!
      writeFileSync(`${first.folder}/root/x`, 'x')
      const second = store.layers.begin(identity)
      await first.discard()
      const taken = (await second)!
      assert.ok(!existsSync(`${taken.folder}/root/x`))
      await taken.discard()
    }))

  test('a folder that a dead process left is cleared', () =>
    withStore(async (store) => {
      const identity = layerIdentities([a])[0]!
      const folder = `${store.root}/layers/tmp-${a.replace(':', '-')}`
      mkdirSync(`${folder}/root/etc`, { recursive: true })
      writeFileSync(`${folder}/root/etc/half`, '')
      const layer = await putLayer(store, identity)
      assert.ok(!existsSync(`${layer.root}/etc/half`))
      assert.deepEqual(namesIn(store, 'ingest'), [])
    }))

  test('of two upon different ones the first stays', () =>
    withStore(async (store) => {
      const [one, other] = [layerIdentities([a])[0]!, layerIdentities([b, a])[1]!]
      const first = (await store.layers.begin(one))!
      const second = (await store.layers.begin(other))!
      for (const { folder } of [first, second]) writeFileSync(`${folder}/root/x`, 'x')
      const layer = await first.commit(FACTS)
      assert.deepEqual(await second.commit(FACTS), layer)
      assert.deepEqual(namesIn(store, 'layers'), ['sha256'])
    }))

  test('one without its record, or with that of another, is brought again', () =>
    withStore(async (store) => {
      const identity = layerIdentities([a])[0]!
      const layer = await putLayer(store, identity)
      const record = `${layer.root}/../layer.json`
      const text = readFileSync(record, 'utf8')
      for (const wrong of ['', '{', '[]', '{"version":1}', text.replaceAll(a, b), text.replace('"diff"', '"x"')]) {
        writeFileSync(record, wrong)
        assert.equal(store.layers.find(identity), undefined, wrong)
        await putLayer(store, identity)
        assert.deepEqual(store.layers.find(identity), layer)
      }
      rmSync(record)
      assert.equal(store.layers.find(identity), undefined)
      writeFileSync(record, text.replace('"version":1', '"version":2'))
      assert.throws(() => store.layers.find(identity), { kind: 'failed-precondition', message: /is of version 2/ })
    }))
})
