/** Pulls in several processes, and in ones that are killed, of one store. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { openStore } from '../../../image/store/store.ts'
import type { Store } from '../../../image/store/types.ts'
import { imageOf, type TestImage } from '../../support/images.ts'
import { assertWhole, bulk, bulkImage, contentsOf, fetches, pullInto, serve, withRegistry } from '../../support/pull.ts'
import { bytesOf, write, writeHead } from '../../support/registry/answer.ts'
import { trickle } from '../../support/registry/misbehave.ts'
import type { TestRegistry } from '../../support/registry/server.ts'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'
import { withStore } from '../../support/store.ts'

const CHILD = `${import.meta.dirname}/../../support/pull-child.ts`
const KILLS = 100
/** Bytes that the slow registry sends at a time. */
const STEP = 60_000
const skip = requires('root')

interface Child {
  readonly process: ChildProcess
  /** Resolves when it is about to pull. */
  readonly begun: Promise<unknown>
  /** What it has printed at last, when it has ended. */
  readonly result: Promise<unknown>
}

/** A hundred starts take half the time with what Node has compiled. */
const cache = mkdtempSync(`${tmpdir()}/${MARK}-compiled-`)
after(() => rmSync(cache, { recursive: true }))

const start = (verb: string, { root }: Store, text: string): Child => {
  const child = spawn(process.execPath, [CHILD, verb, root, text], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  })
  const lines: string[] = []
  const begun = new Promise<void>((resolve) =>
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      resolve()
    }),
  )
  const result = once(child, 'close').then(() => (lines.length < 2 ? undefined : (JSON.parse(lines.at(-1)!) as unknown)))
  return { process: child, begun: Promise.race([begun, result]), result }
}

describe('two processes', { skip }, () => {
  test('that pull one image fetch each blob once, and tell of each other’s bytes', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([2_000_000, 1_500_000, 1_000_000, 900_000])
        const text = serve(registry, image, 'one')
        registry.on(/\/blobs\//, trickle(100_000, 20))
        const children = ['watch', 'watch', 'watch'].map((verb) => start(verb, store, text))
        const results = (await Promise.all(children.map(({ result }) => result))) as Record<string, string[]>[]
        for (const { descriptor } of image.layers) {
          assert.equal(fetches(registry).get(descriptor.digest), 1)
          const ways = results.map((states) => states[descriptor.digest]!)
          assert.equal(ways.filter((way) => way.includes('downloading')).length, 1, JSON.stringify(ways))
          for (const way of ways) assert.ok(['done', 'exists'].includes(way.at(-1)!), JSON.stringify(ways))
        }
        assert.ok(results.some((states) => Object.values(states).some((way) => way.includes('shared'))))
        assert.deepEqual([store.images.list().length, [...contentsOf(store).partial]], [1, []])
        await assertWhole(store)
      }),
    ))

  test('when one is killed the other takes over', () =>
    withRegistry((registry) =>
      withStore(async (store) => {
        const image = await bulkImage([2_000_000, 1_500_000, 1_000_000])
        const text = serve(registry, image, 'one')
        registry.on(/\/blobs\//, trickle(50_000, 20))
        const [first, second] = [start('pull', store, text), start('pull', store, text)]
        while (Math.max(0, ...contentsOf(store).partial.values()) < 500_000) await setTimeout(10)
        first.process.kill('SIGKILL')
        assert.deepEqual(await second.result, { id: image.config.descriptor.digest, fresh: true, layers: 3 })
        await first.result
        await assertWhole(store)
      }),
    ))
})

/** Layers of all kinds: large, of many files, small, dependent on lower ones. */
const mixedImage = (): Promise<TestImage> =>
  imageOf({
    layers: [
      bulk('one', 1_200_000, 10),
      bulk('two', 900_000, 200),
      [{ name: './' }, { name: 'tmp/', mode: 0o1777 }, { name: 'tmp/file', content: 'x' }],
      bulk('three', 600_000, 3),
      [
        { name: 'tmp/implied', content: 'y' },
        { name: 'one/link', type: 'link', linkname: 'one/1' },
      ],
      bulk('four', 500_000, 50),
    ],
  })

/** Numbers from 0 to 1; the same for the same seed (mulberry32). */
const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

/** Sends blobs in small pieces with pauses between; tells of each piece how many bytes there have been. */
const slowly = (registry: TestRegistry, onSent: (bytes: number) => void): void => {
  let sent = 0
  registry.on(/\/blobs\//, async (_, normal) => {
    const answer = await normal()
    return {
      ...answer,
      deliver: async (response) => {
        writeHead(response, answer)
        for await (const chunk of bytesOf(answer))
          for (let at = 0; at < chunk.length; at += STEP) {
            const piece = chunk.subarray(at, at + STEP)
            if (!(await write(response, piece))) return
            sent += piece.length
            onSent(sent)
            await setTimeout(4)
          }
        response.end()
      },
    }
  })
}

/** Kills it when so many bytes have been sent, and so many milliseconds later; resolves when it has ended. */
const killed = async (registry: TestRegistry, store: Store, text: string, bytes: number, later: number): Promise<boolean> => {
  let reached = (): void => {}
  const sent = new Promise<void>((resolve) => {
    reached = resolve
  })
  if (bytes === 0) reached()
  slowly(registry, (now) => (now >= bytes ? reached() : undefined))
  const child = start('pull', store, text)
  await child.begun
  await Promise.race([sent.then(() => setTimeout(later)), child.result])
  child.process.kill('SIGKILL')
  await child.result
  return child.process.signalCode === 'SIGKILL'
}

describe('a pull that is killed', { skip }, () => {
  test(`at ${KILLS} moments leaves a store that is whole, and nothing whole is fetched again`, { timeout: 900_000 }, (t) =>
    withRegistry(async (registry) => {
      const image = await mixedImage()
      const text = serve(registry, image, 'one')
      const all = image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0)
      const seed = Number(process.env['WHERRY_SEED'] ?? Date.now() % 1e9)
      t.diagnostic(`WHERRY_SEED=${seed}`)
      const random = randomFrom(seed)
      const found = { killed: 0, blobs: 0, layers: 0, partial: 0, named: 0 }
      for (let kill = 0; kill < KILLS; kill++)
        await withStore(async (store) => {
          registry.behave()
          // when all has been sent the layers are still to be made durable, and the image to be named
          const bytes = Math.min(all, Math.floor(random() * 1.4 * all))
          if (await killed(registry, store, text, bytes, random() * (bytes < all ? 30 : 300))) found.killed++
          await assertWhole(store)
          const before = contentsOf(store)
          found.named += store.images.list().length
          found.blobs += before.blobs.length
          found.layers += before.layers.length
          found.partial += [...before.partial.values()].filter((size) => size > 0).length

          registry.behave()
          const pulled = await pullInto(store, text)
          assert.equal(pulled.layers.length, 6)
          for (const hex of before.blobs)
            assert.equal(fetches(registry).get(`sha256:${hex}`), undefined, 'a blob that was whole is fetched again')
          for (const [hex, size] of before.partial) {
            const requests = registry.requests.filter(({ url }) => url.endsWith(`/blobs/sha256:${hex}`))
            const total = image.blobs.find(({ descriptor }) => descriptor.digest === `sha256:${hex}`)!.descriptor.size
            assert.deepEqual(
              requests.map(({ headers }) => headers.range),
              size === total ? [] : [size === 0 ? undefined : `bytes=${size}-`],
            )
          }
          await assertWhole(openStore(store.root))
          assert.equal(store.images.list().length, 1)
          const { unfinished } = await store.collect({ age: 0 })
          assert.ok(unfinished >= 0)
          assert.deepEqual([...contentsOf(store).partial], [])
        })
      t.diagnostic(`found ${JSON.stringify(found)}`)
      // or the kills were all in one place
      assert.ok(found.killed > KILLS / 2 && found.blobs > 0 && found.layers > 0 && found.partial > 0, JSON.stringify(found))
    }),
  )
})
