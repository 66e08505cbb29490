/** SIGKILL in place of each single call with which an operation changes the disk: the store is whole, and the next try completes. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { layerIdentities } from '../../../image/store/chain-id.ts'
import type { Store } from '../../../image/store/types.ts'
import { layerOf, noise } from '../../support/images.ts'
import { ALPINE, BUSYBOX, FACTS, namesIn, putImage, smallImage, useImage, withStore } from '../../support/store.ts'

/** A tmpfs: nothing here is about what is on a disk. */
const MEMORY = '/dev/shm'

const SUPPORT = `${import.meta.dirname}/../../support`

const run = (verb: string, root: string, killAt?: number): NodeJS.Signals | null => {
  const { signal, status, stderr } = spawnSync(
    process.execPath,
    ['--import', `${SUPPORT}/store-faults.ts`, `${SUPPORT}/store-child.ts`, verb, root],
    {
      env: { ...process.env, ...(killAt === undefined ? {} : { WHERRY_KILL_AT: String(killAt) }) },
      encoding: 'utf8',
    },
  )
  if (signal === null) assert.equal(status, 0, stderr)
  return signal
}

/** What stays behind of the dead is known to be rubbish: nothing else is found, and collecting leaves nothing. */
const assertWhole = async (store: Store): Promise<void> => {
  const { findings, whole } = await store.check()
  assert.deepEqual([findings, whole], [[], true])
}

const assertClean = async (store: Store): Promise<void> => {
  await assertWhole(store)
  await store.collect({ age: 0 })
  const names = namesIn(store, 'ingest').filter((name) => !name.startsWith('tmp-'))
  assert.deepEqual(
    [names, namesIn(store, 'layers'), namesIn(store, 'leases').filter((name) => name.startsWith('live-'))],
    [[], ['sha256'], []],
  )
}

interface Scenario {
  readonly verb: string
  /** What is there before. */
  readonly before: (store: Store) => Promise<void>
  /** Where it was killed. */
  readonly between: (store: Store) => Promise<void>
  /** When it was run to its end. */
  readonly after: (store: Store) => Promise<void>
  /** Fewer calls were not enough to try all of it. */
  readonly calls: number
}

const TWO = smallImage('two', ['two'])

const hasOther = async (store: Store): Promise<void> => {
  const image = store.images.find(BUSYBOX)
  assert.ok(image !== undefined)
  for (const identity of layerIdentities((await TWO).layers.map(({ diffID }) => diffID)))
    assert.equal(readFileSync(`${store.layers.find(identity)!.root}/etc/layer`, 'utf8'), identity.diffID)
}

const SCENARIOS: readonly Scenario[] = [
  {
    verb: 'pull',
    before: async () => {},
    between: async (store) =>
      assert.ok([undefined, (await smallImage('one', ['one'])).config.descriptor.digest].includes(store.images.find(ALPINE)?.id)),
    after: async (store) => assert.equal(store.images.find(ALPINE)?.id, (await smallImage('one', ['one'])).config.descriptor.digest),
    calls: 30,
  },
  {
    verb: 'use',
    before: async (store) => void (await putImage(store, ALPINE, await smallImage('one', ['one']))),
    between: async (store) => {
      await store.collect({ age: 0 })
      assert.ok(store.images.find(ALPINE) !== undefined)
    },
    after: async (store) =>
      assert.deepEqual(
        store.kept().map(({ owner }) => owner),
        ['container:child'],
      ),
    calls: 6,
  },
  {
    verb: 'remove',
    before: async (store) => void (await putImage(store, ALPINE, await smallImage('one', ['one']))),
    between: async () => {},
    after: async (store) => assert.deepEqual([store.images.find(ALPINE), namesIn(store, 'blobs/sha256').length], [undefined, 3]),
    calls: 8,
  },
  {
    verb: 'release',
    before: async (store) => {
      await putImage(store, ALPINE, await smallImage('one', ['one']))
      await useImage(store, ALPINE, 'container:child')
      await store.images.remove(ALPINE, { force: true })
    },
    between: async () => {},
    after: async (store) => assert.deepEqual([store.kept(), namesIn(store, 'blobs/sha256').length], [[], 3]),
    calls: 3,
  },
]

describe('killed at each call', () => {
  for (const { verb, before, between, after, calls } of SCENARIOS)
    test(verb, async () => {
      let killed = 0
      for (let at = 1, done = false; !done; at++)
        await withStore(async (store) => {
          await putImage(store, BUSYBOX, await TWO)
          await before(store)
          // removing cannot be repeated once it is done
          const isDone = (): boolean => verb === 'remove' && store.images.find(ALPINE) === undefined
          // what one death leaves, the next one meets
          for (const next of [at, 1 + ((at * 5) % 11)]) {
            if (done || isDone()) break
            const ended = run(verb, store.root, next) === null
            if (next === at) done = ended
            if (!ended) killed++
            await assertWhole(store)
            await hasOther(store)
            if (!ended) await between(store)
          }
          if (!isDone()) run(verb, store.root)
          else await store.collect({ age: 0 })
          await after(store)
          await hasOther(store)
          await assertClean(store)
        }, MEMORY)
      assert.ok(killed >= calls, `only ${killed} calls`)
    })

  test('repair', async () => {
    let killed = 0
    for (let at = 1, done = false; !done; at++)
      await withStore(async (store) => {
        await putImage(store, BUSYBOX, await TWO)
        const image = await smallImage('one', ['one'])
        await putImage(store, ALPINE, image)
        for (const digest of [image.document.digest, image.layers[0]!.descriptor.digest])
          writeFileSync(`${store.root}/blobs/${digest.replace(':', '/')}`, 'damaged')
        writeFileSync(`${store.root}/layers/${image.layers[0]!.diffID.replace(':', '/')}/root/etc/layer`, '')
        writeFileSync(`${store.root}/oci-layout`, '')
        const index = readFileSync(`${store.root}/index.json`, 'utf8')
        writeFileSync(`${store.root}/index.json`, index.slice(0, -2))
        done = run('repair', store.root, at) === null
        if (!done) killed++
        run('repair', store.root)
        assert.equal(store.images.find(ALPINE)?.id, image.config.descriptor.digest)
        await hasOther(store)
        await assertClean(store)
      }, MEMORY)
    assert.ok(killed >= 20, `only ${killed} calls`)
  })
})

describe('two processes', () => {
  const holding = async (root: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [`${SUPPORT}/store-child.ts`, 'hold', root], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(createInterface(child.stdout!), 'line')
    assert.equal(line, 'held')
    return child
  }

  test('share the work; when one dies the other goes on with what is there', () =>
    withStore(async (store) => {
      const child = await holding(store.root)
      const ended = once(child, 'exit')
      try {
        const layer = await layerOf(noise(1 << 20), { compression: 'none' })
        const [identity] = layerIdentities([layer.diffID])
        const [sawBlob, sawLayer] = [Promise.withResolvers<number>(), Promise.withResolvers<void>()]
        const blob = store.blobs.ingest(layer.descriptor, { onWait: sawBlob.resolve })
        const unpacking = store.layers.begin(identity!, { onWait: () => sawLayer.resolve() })
        assert.equal(await sawBlob.promise, 1 << 19)
        await sawLayer.promise
        assert.deepEqual((await store.collect({ age: 0 })).unfinished, 0)
        child.kill('SIGKILL')
        const ingest = (await blob)!
        assert.equal(ingest.offset, 1 << 19)
        writeSync(ingest.fd, layer.bytes.subarray(ingest.offset))
        await ingest.commit()
        const folder = (await unpacking)!
        writeFileSync(`${folder.folder}/root/whole`, 'whole')
        await folder.commit(FACTS)
        await assertWhole(store)
        await ended
        await assertClean(store)
      } finally {
        child.kill('SIGKILL')
        await ended
      }
    }))
})
