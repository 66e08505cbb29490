/** Two images, file by file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DiffLayer, diffLayers, type FileDifference } from '../../../../image/inspect/diff.ts'
import { feedBlob } from '../../../../image/inspect/feed.ts'
import { type TarEntry, tarOf } from '../../../support/images.ts'

interface Counted extends DiffLayer {
  /** How often it was read. */
  reads: number
}

const layer = async (key: string, entries: readonly TarEntry[]): Promise<Counted> => {
  const tar = await tarOf(entries)
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield tar
  }
  const counted: Counted = {
    key,
    reads: 0,
    feed: (tree, at, options) => {
      counted.reads++
      return feedBlob(tree, at, { name: key, mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes: bytes() }, options)
    },
  }
  return counted
}

const told = async (a: readonly DiffLayer[], b: readonly DiffLayer[]): Promise<string[]> => {
  const found: FileDifference[] = []
  for await (const one of diffLayers(a, b)) found.push(one)
  return found.map(({ path, change, differences }) => [change, path, ...differences].join(' '))
}

const BASE: readonly TarEntry[] = [
  { name: 'etc/' },
  { name: 'etc/a', content: 'aaa' },
  { name: 'etc/b', content: 'bbb', pax: { 'SCHILY.xattr.user.x': '1' } },
  { name: 'usr/bin/tool', content: 'tool', mode: 0o755 },
  { name: 'usr/bin/other', type: 'link', linkname: 'usr/bin/tool' },
  { name: 'lib/x/one', content: '1' },
  { name: 'lib/x/two', content: '22' },
  { name: 'sh', type: 'symlink', linkname: 'usr/bin/tool' },
]

test('the same image has no differences, and is not read', async () => {
  const base = await layer('base', BASE)
  assert.deepEqual(await told([base], [base]), [])
  assert.equal(base.reads, 0)
})

test('layers on a common base: what they add, change and remove', async () => {
  const base = await layer('base', BASE)
  const top = await layer('top', [
    { name: 'etc/a', content: 'aab' },
    { name: 'etc/b', content: 'bbb', mode: 0o600 },
    { name: 'etc/new', content: '' },
    { name: '.wh.lib' },
    { name: 'sh', type: 'symlink', linkname: 'usr/bin/other' },
    { name: 'usr/bin/.wh.tool' },
  ])
  const expected = [
    'changed etc/a content',
    'changed etc/b mode xattrs',
    'added etc/new',
    'removed lib',
    'removed lib/x',
    'removed lib/x/one',
    'removed lib/x/two',
    'changed sh link',
    'removed usr/bin/tool',
  ]
  assert.deepEqual(await told([base], [base, top]), expected)
  const backwards = expected.map((one) => one.replace(/^(added|removed)/, (word) => (word === 'added' ? 'removed' : 'added')))
  assert.deepEqual(await told([base, top], [base]), backwards)
})

test('of a common base only what matters is kept', async () => {
  const base = await layer('base', [
    { name: 'one', content: '1' },
    { name: 'many/', mode: 0o755 },
    ...Array.from({ length: 50 }, (_, at) => ({ name: `many/${at}`, content: 'x' })),
  ])
  const kept: string[] = []
  const watched: DiffLayer = {
    key: 'base',
    feed: (tree, at, options) =>
      base.feed(tree, at, {
        ...options,
        wanted: (path) => {
          const wanted = options.wanted?.(path) !== false
          if (wanted) kept.push(path)
          return wanted
        },
      }),
  }
  const top = await layer('top', [{ name: 'one', content: '2' }])
  assert.deepEqual(await told([watched], [watched, top]), ['changed one content'])
  assert.deepEqual(kept, ['one'])
})

test('written again as it was is no difference; the same size and time with another content is', async () => {
  const base = await layer('base', [{ name: 'a', content: 'same' }])
  assert.deepEqual(await told([base], [base, await layer('again', [{ name: 'a', content: 'same' }])]), [])
  assert.deepEqual(await told([base], [base, await layer('other', [{ name: 'a', content: 'sane' }])]), ['changed a content'])
})

test('images without a layer in common', async () => {
  const a = await layer('a', [
    { name: 'd/f', content: '1' },
    { name: 'd/g', content: '2' },
    { name: 'e', content: '3' },
  ])
  const b = await layer('b', [
    { name: 'd', type: 'symlink', linkname: 'x' },
    { name: 'e', content: '3', uid: 5 },
  ])
  assert.deepEqual(await told([a], [b]), ['changed d type', 'removed d/f', 'removed d/g', 'changed e owner'])
})

test('a hard link whose file the other layers do not mention', async () => {
  const base = await layer('base', BASE)
  const top = await layer('top', [{ name: 'usr/bin/.wh.other' }])
  const found: FileDifference[] = []
  for await (const one of diffLayers([base], [base, top])) found.push(one)
  assert.deepEqual(
    found.map(({ path, change, before }) => ({ path, change, size: before?.size })),
    [{ path: 'usr/bin/other', change: 'removed', size: 4 }],
  )
})

test('a folder replaced whole, with some of the same in it', async () => {
  const base = await layer('base', BASE)
  const top = await layer('top', [{ name: 'lib/' }, { name: 'lib/.wh..wh..opq' }, { name: 'lib/x/two', content: '22' }])
  assert.deepEqual(await told([base], [base, top]), ['removed lib/x/one'])
})
