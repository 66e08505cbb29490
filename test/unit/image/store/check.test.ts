import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Digest } from '../../../../image/digest.ts'
import type { Descriptor } from '../../../../image/spec/types.ts'
import type { Finding, Store } from '../../../../image/store/types.ts'
import type { TestImage } from '../../../support/images.ts'
import {
  ALPINE,
  BUSYBOX,
  identitiesOf,
  namesIn,
  putBlob,
  putContent,
  putImage,
  smallImage,
  useImage,
  withStore,
} from '../../../support/store.ts'

const pathOf = (store: Store, digest: Digest): string => `${store.root}/blobs/${digest.replace(':', '/')}`

/** A registry that has the image. */
const fetchFrom =
  (store: Store, ...images: readonly TestImage[]) =>
  async ({ digest }: Descriptor, names: readonly string[]): Promise<void> => {
    assert.ok(names.length > 0)
    const blob = images.flatMap(({ blobs }) => blobs).find(({ descriptor }) => descriptor.digest === digest)
    const document = images.flatMap(({ documents }) => documents).find((one) => one.digest === digest)
    if (blob !== undefined) await putBlob(store, blob)
    if (document !== undefined) await store.blobs.put(document.bytes, digest)
  }

const said = (findings: readonly Finding[]) => findings.map(({ kind, repaired, names }) => [kind, repaired, names])

const CORRUPTIONS: Readonly<Record<string, { corrupt: (path: string) => void; problem: RegExp }>> = {
  flipped: {
    corrupt: (path) => {
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(path, bytes)
    },
    problem: /has the digest sha256:/,
  },
  truncated: { corrupt: (path) => truncateSync(path, 1), problem: /has the digest sha256:/ },
  longer: { corrupt: (path) => writeFileSync(path, 'x', { flag: 'a' }), problem: /has the digest sha256:/ },
  emptied: { corrupt: (path) => truncateSync(path, 0), problem: /is empty/ },
  zeroed: { corrupt: (path) => writeFileSync(path, Buffer.alloc(readFileSync(path).length)), problem: /has the digest sha256:/ },
  'made a link': {
    corrupt: (path) => {
      writeFileSync(`${path}.x`, readFileSync(path))
      rmSync(path)
      symlinkSync(`${path}.x`, path)
    },
    problem: /is a symbolic link/,
  },
  'made a folder': {
    corrupt: (path) => {
      rmSync(path)
      mkdirSync(`${path}/x`, { recursive: true })
    },
    problem: /is no file/,
  },
  removed: { corrupt: (path) => rmSync(path), problem: /is missing/ },
}

describe('check', () => {
  test('finds nothing in a whole store, and tells how far it is', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one'))
      await useImage(store, ALPINE, 'container:a')
      const progress: string[] = []
      const checked = await store.check({
        repair: true,
        onProgress: ({ phase, done, total }) => progress.push(`${phase} ${done === total}`),
      })
      assert.deepEqual(checked, { findings: [], blobs: 4, layers: 2, images: 1, whole: true })
      assert.equal(progress.at(-1), 'layers true')
      assert.ok(progress.includes('blobs true'))
    }))

  for (const [how, { corrupt, problem }] of Object.entries(CORRUPTIONS))
    test(`each blob once ${how}: found, refused, healed`, () =>
      withStore(async (store) => {
        const [image, other] = [await smallImage('one', ['base', 'one']), await smallImage('two', ['base', 'two'])]
        await putImage(store, ALPINE, image)
        await putImage(store, BUSYBOX, other)
        const all = [...image.blobs.map(({ descriptor }) => descriptor.digest), image.document.digest]
        for (const digest of all) {
          corrupt(pathOf(store, digest))
          const before = await store.check()
          assert.ok(!before.whole)
          const found = before.findings.filter((finding) => finding.digest === digest)
          assert.equal(found.length, 1)
          assert.match(found[0]!.problem, problem)
          assert.ok(found[0]!.names.includes(ALPINE))
          assert.match(found[0]!.advice!, /pull .*alpine:3\.19.* again/)
          assert.throws(() => store.blobs.read(digest), { name: 'WherryError', kind: how === 'removed' ? 'not-found' : 'data-loss' })
          const repaired = await store.check({ repair: true, fetch: fetchFrom(store, image, other) })
          assert.equal(repaired.findings.find((finding) => finding.digest === digest)?.repaired, 'fetched')
          assert.ok(repaired.whole)
          if (how === 'made a link') rmSync(`${pathOf(store, digest)}.x`)
          assert.deepEqual((await store.check()).findings, [])
        }
        assert.deepEqual(namesIn(store, 'ingest'), [])
      }))

  test('names all images that a blob belongs to', () =>
    withStore(async (store) => {
      const [image, other] = [await smallImage('one', ['base', 'one']), await smallImage('two', ['base', 'two'])]
      await putImage(store, ALPINE, image)
      await putImage(store, BUSYBOX, other)
      rmSync(pathOf(store, image.layers[0]!.descriptor.digest))
      assert.deepEqual(said((await store.check()).findings), [['incomplete', undefined, [ALPINE, BUSYBOX]]])
    }))

  test('without a way to fetch what is damaged is removed, and the image stays to be pulled again', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await putImage(store, ALPINE, image)
      const { digest } = image.layers[0]!.descriptor
      truncateSync(pathOf(store, digest), 5)
      const { findings, whole } = await store.check({ repair: true })
      assert.deepEqual([said(findings), whole], [[['blob', undefined, [ALPINE]]], false])
      assert.ok(!existsSync(pathOf(store, digest)))
      assert.deepEqual(said((await store.check()).findings), [['incomplete', undefined, [ALPINE]]])
      await putImage(store, ALPINE, image)
      assert.deepEqual((await store.check()).findings, [])
    }))

  test('what fetching brings is verified, and why it could not is told', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await putImage(store, ALPINE, image)
      const { digest, size } = image.layers[0]!.descriptor
      rmSync(pathOf(store, digest))
      const lie = await store.check({ repair: true, fetch: async () => writeFileSync(pathOf(store, digest), Buffer.alloc(size)) })
      assert.match(lie.findings[0]!.advice!, /has brought another blob, which has the digest/)
      assert.ok(!existsSync(pathOf(store, digest)))
      const failed = await store.check({ repair: true, fetch: () => Promise.reject(new Error('registry is away')) })
      assert.deepEqual([failed.findings[0]!.advice, failed.whole], ['registry is away', false])
    }))

  test('a damaged blob that nothing refers to just goes', () =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await putContent(store, image)
      truncateSync(pathOf(store, image.document.digest), 5)
      assert.deepEqual(said((await store.check({ repair: true })).findings), [['blob', 'removed', []]])
      assert.deepEqual((await store.check()).findings, [])
    }))

  test('what is no blob', () =>
    withStore(async (store) => {
      const paths = ['sha256/readme.txt', `sha256/${'a'.repeat(63)}`, 'md5/x'].map((name) => `${store.root}/blobs/${name}`)
      mkdirSync(`${store.root}/blobs/md5`)
      for (const path of paths) writeFileSync(path, 'x')
      const { findings, whole } = await store.check({ repair: true })
      assert.deepEqual([findings.map(({ kind, repaired }) => [kind, repaired]), whole], [paths.map(() => ['rubbish', undefined]), true])
      for (const path of paths) assert.ok(existsSync(path))
    }))

  test('files that say what the folder is', () =>
    withStore(async (store) => {
      for (const name of ['oci-layout', 'store.json'])
        for (const text of ['', '{', '{"imageLayoutVersion":"2"}']) {
          writeFileSync(`${store.root}/${name}`, text)
          assert.deepEqual(said((await store.check()).findings), [['layout', undefined, []]])
          assert.deepEqual(said((await store.check({ repair: true })).findings), [['layout', 'rewritten', []]])
          assert.deepEqual((await store.check()).findings, [])
        }
    }))

  test('ends when it is broken off', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one'))
      const abort = new AbortController()
      await assert.rejects(store.check({ signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) }), { message: 'enough' })
    }))
})

describe('check of layers', () => {
  const DAMAGE: Readonly<Record<string, { damage: (folder: string) => void; problem: RegExp }>> = {
    'a file emptied': { damage: (folder) => truncateSync(`${folder}/root/etc/layer`, 0), problem: /has 0 bytes in place of 71/ },
    'a file missing': { damage: (folder) => rmSync(`${folder}/root/etc/layer`), problem: /has 1 entries in place of 2/ },
    'one too many': { damage: (folder) => writeFileSync(`${folder}/root/x`, ''), problem: /has 3 entries in place of 2/ },
    'no record': { damage: (folder) => rmSync(`${folder}/layer.json`), problem: /has no layer\.json/ },
    'an empty record': { damage: (folder) => truncateSync(`${folder}/layer.json`, 0), problem: /is no JSON object/ },
    'no root': { damage: (folder) => rmSync(`${folder}/root`, { recursive: true }), problem: /has no root folder/ },
    'a link for a root': {
      damage: (folder) => {
        rmSync(`${folder}/root`, { recursive: true })
        symlinkSync('/etc', `${folder}/root`)
      },
      problem: /has no root folder/,
    },
    'a file in its place': {
      damage: (folder) => {
        rmSync(folder, { recursive: true })
        writeFileSync(folder, '')
      },
      problem: /is no folder/,
    },
  }
  for (const [name, { damage, problem }] of Object.entries(DAMAGE))
    test(`${name}: removed, to be unpacked again`, () =>
      withStore(async (store) => {
        const image = await smallImage('one')
        await putImage(store, ALPINE, image)
        const [identity] = identitiesOf(image)
        const folder = `${store.root}/layers/${identity!.diffID.replace(':', '/')}`
        damage(folder)
        const { findings } = await store.check()
        assert.deepEqual(said(findings), [['layer', undefined, [ALPINE]]])
        assert.match(findings[0]!.problem, problem)
        const mounted = await store.check({ repair: true, isMounted: (key) => key === identity!.diffID })
        assert.match(mounted.findings[0]!.advice!, /stop the containers/)
        const repaired = await store.check({ repair: true })
        assert.deepEqual([said(repaired.findings), repaired.layers, repaired.whole], [[['layer', 'removed', [ALPINE]]], 1, true])
        assert.equal(store.layers.find(identity!), undefined)
        await putContent(store, image)
        assert.deepEqual((await store.check()).findings, [])
      }))

  test('what a comparison with the blob finds', () =>
    withStore(async (store) => {
      await putImage(store, ALPINE, await smallImage('one'))
      const { findings } = await store.check({ compare: async ({ key }) => `is not ${key}` })
      assert.equal(findings.length, 2)
      assert.match(findings[0]!.problem, /^layer (sha256:\w+) is not \1$/)
    }))
})

describe('check of index.json', () => {
  const whole = async (use: (store: Store, image: TestImage, text: string) => Promise<void>) =>
    withStore(async (store) => {
      const image = await smallImage('one')
      await putImage(store, ALPINE, image)
      await putImage(store, BUSYBOX, await smallImage('two'))
      await use(store, image, readFileSync(`${store.root}/index.json`, 'utf8'))
    })
  const rebuilt = async (store: Store) => {
    assert.deepEqual(said((await store.check()).findings), [['index', undefined, []]])
    assert.deepEqual(said((await store.check({ repair: true })).findings), [['index', 'rebuilt', []]])
    assert.deepEqual((await store.check()).findings, [])
    return store.images.list().map(({ name, id }) => [name, id])
  }

  test('emptied: from its last version, and the blobs', () =>
    whole(async (store, image) => {
      const before = store.images.list()
      truncateSync(`${store.root}/index.json`, 0)
      // busybox was the last change
      assert.deepEqual(await rebuilt(store), [
        [ALPINE, image.config.descriptor.digest],
        [undefined, before[1]!.id],
      ])
    }))

  test('cut short: what is in it, its last version, the blobs', () =>
    whole(async (store, _, text) => {
      const before = store.images.list().map(({ name, id }) => [name, id])
      writeFileSync(`${store.root}/index.json`, text.slice(0, -3))
      assert.deepEqual(await rebuilt(store), before)
    }))

  test('one byte changed', () =>
    whole(async (store, _, text) => {
      writeFileSync(`${store.root}/index.json`, text.replace('{', '['))
      assert.deepEqual((await rebuilt(store)).map(([name]) => name).sort(), [ALPINE, BUSYBOX])
    }))

  test('a folder in its place, and its last version damaged: from the blobs', () =>
    whole(async (store) => {
      const ids = store.images.list().map(({ id }) => id)
      rmSync(`${store.root}/index.json`)
      mkdirSync(`${store.root}/index.json`)
      writeFileSync(`${store.root}/index.json.previous`, 'x')
      const now = await rebuilt(store)
      assert.deepEqual(
        now.map(([name]) => name),
        [undefined, undefined],
      )
      assert.deepEqual(now.map(([, id]) => id).sort(), ids.sort())
    }))

  test('an entry that is none', () =>
    whole(async (store, _, text) => {
      const json = JSON.parse(text)
      writeFileSync(
        `${store.root}/index.json`,
        JSON.stringify({ ...json, manifests: [7, ...json.manifests, { mediaType: 'x', digest: 'sha256:../..', size: 1 }] }),
      )
      assert.deepEqual(said((await store.check()).findings), [
        ['entry', undefined, []],
        ['entry', undefined, []],
      ])
      await store.check({ repair: true })
      assert.deepEqual(JSON.parse(readFileSync(`${store.root}/index.json`, 'utf8')).manifests, json.manifests)
    }))
})

test('check of leases', () =>
  withStore(async (store) => {
    await putImage(store, ALPINE, await smallImage('one'))
    for (const owner of ['container:a', 'container:b']) await useImage(store, ALPINE, owner)
    utimesSync(`${store.root}/leases/kept-container:a`, 1, 1)
    writeFileSync(`${store.root}/leases/kept-container:c`, '')
    const { findings } = await store.check({ repair: true, ownerExists: (owner) => owner !== 'container:a' })
    assert.deepEqual(said(findings), [
      ['lease', 'removed', []],
      ['lease', undefined, []],
    ])
    assert.match(findings[1]!.advice!, /until container:c is removed/)
    assert.deepEqual(namesIn(store, 'leases'), ['kept-container:b', 'kept-container:c'])
  }))
