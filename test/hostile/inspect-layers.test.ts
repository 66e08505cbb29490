/**
 * CVE-2023-25153 and other bombs, for those who only look: layers of an image in a registry, that swell, never end, nest or link in
 * circles. Looking costs bounded memory, ends with an error that names the layer, and leads to no file of the host.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encodeHeader, END, padding, type TarHeader } from '../../image/archive/tar-header.ts'
import { feedBlob, type FeedOptions } from '../../image/inspect/feed.ts'
import { filesOf } from '../../image/inspect/files.ts'
import { LayerTree } from '../../image/inspect/layer-tree.ts'
import { complete } from '../../image/inspect/complete.ts'
import { summarise } from '../../image/inspect/summary.ts'
import { touches } from '../../image/inspect/touches.ts'
import { wasted } from '../../image/inspect/wasted.ts'
import { DEFAULT_LIMITS } from '../../image/layer/limits.ts'

const PLAIN: TarHeader = { name: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: 0 }

const TAR = 'application/vnd.oci.image.layer.v1.tar'

async function* piece(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes
}

const feed = (tree: LayerTree, layer: number, headers: readonly TarHeader[], options: FeedOptions = {}): Promise<void> => {
  const bytes = headers.map((header) => Buffer.concat([encodeHeader(header), Buffer.alloc(header.size + padding(header.size))]))
  return feedBlob(tree, layer, { name: 'registry.example/x: layer sha256:1', mediaType: TAR, bytes: piece(...bytes, END) }, options)
}

test('a layer that swells, or has too much of anything', async () => {
  const limits = { ...DEFAULT_LIMITS, bytes: 1_000_000, entries: 100 }
  const bomb = gzipSync(Buffer.concat([encodeHeader({ ...PLAIN, size: 5_000_000 }), Buffer.alloc(5_000_000)]))
  const blob = { name: 'registry.example/x: layer sha256:1', mediaType: `${TAR}+gzip`, bytes: piece(bomb) }
  await assert.rejects(feedBlob(new LayerTree(), 0, blob, { limits }), {
    kind: 'resource-exhausted',
    message: /^registry\.example\/x: layer sha256:1: more than 1000000 uncompressed bytes/,
  })
  const many = Array.from({ length: 101 }, (_, at) => ({ ...PLAIN, name: String(at) }))
  await assert.rejects(feed(new LayerTree(), 0, many, { limits }), { kind: 'resource-exhausted', message: /more than 100 entries/ })
  await assert.rejects(feed(new LayerTree(), 0, [{ ...PLAIN, name: 'd/'.repeat(3000) }]), /sha256:1: /)
})

test('names that lead out, or that the language knows', async () => {
  await assert.rejects(feed(new LayerTree(), 0, [{ ...PLAIN, name: '../../etc/passwd' }]), { kind: 'invalid-argument' })
  const tree = new LayerTree()
  await feed(tree, 0, [
    { ...PLAIN, name: '__proto__/polluted', size: 1 },
    { ...PLAIN, name: 'constructor', size: 1 },
    { ...PLAIN, name: 'toString', size: 1, xattrs: new Map([['user.__proto__', Buffer.from('x')]]) },
  ])
  assert.equal(summarise(tree, 1).visible.files, 3)
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  const found = [...filesOf(tree, 0)].find(({ path }) => path === 'toString')!
  assert.deepEqual(Object.keys(found.xattrs!), ['user.__proto__'])
})

test('links in circles, into each other and out', async () => {
  const tree = new LayerTree()
  await feed(tree, 0, [
    { ...PLAIN, name: 'x', type: 'symlink', link: 'y' },
    { ...PLAIN, name: 'y', type: 'symlink', link: 'x' },
    { ...PLAIN, name: 'out', type: 'symlink', link: '/proc/self/root/etc' },
    { ...PLAIN, name: 'self', type: 'symlink', link: 'self/self' },
  ])
  await feed(tree, 1, [
    { ...PLAIN, name: 'x/f', size: 1 },
    { ...PLAIN, name: 'out/passwd', size: 1 },
    { ...PLAIN, name: 'self/f', size: 1 },
  ])
  complete(tree)
  assert.equal(summarise(tree, 2).visible.files, 4)
  for (const path of ['x/f', 'out/passwd', 'self/self/self/f', '../../etc/passwd']) touches(tree, path)
  assert.equal(touches(tree, 'out/passwd').paths.at(-1)!.visible!.size, 1)
  const links = Array.from(
    { length: 200 },
    (_, at): TarHeader => ({ ...PLAIN, name: `${200 - at}`, type: 'hardlink', link: `${199 - at}` }),
  )
  const circle = new LayerTree()
  await feed(circle, 0, [{ ...PLAIN, name: '200', size: 9 }, ...links]).catch(() => undefined)
  summarise(circle, 1)
  wasted(circle)
})

test('names that collide in no table that can be foreseen', async () => {
  const tree = new LayerTree()
  const headers = Array.from({ length: 20_000 }, (_, at) => ({ ...PLAIN, name: `d/${'ab'.repeat(at % 7)}${at}` }))
  await feed(tree, 0, headers)
  assert.equal(summarise(tree, 1).visible.files, 20_000)
})

test('300,000 files fit a heap of 48 MiB', () => {
  const program = `
    import { LayerTree } from ${JSON.stringify(import.meta.resolve('../../image/inspect/layer-tree.ts'))}
    import { summarise } from ${JSON.stringify(import.meta.resolve('../../image/inspect/summary.ts'))}
    const tree = new LayerTree()
    for (let layer = 0; layer < 2; layer++)
      for (let at = 0; at < 150_000; at++)
        tree.add('usr/lib/package-' + at % 1000 + '/file-' + layer + at, layer, { kind: 1, mode: 420, uid: 0, gid: 0, mtime: at, size: 1 })
    console.log(summarise(tree, 2).visible.files)`
  const args = ['--max-old-space-size=48', '--input-type=module', '--eval', program]
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim(), '300000')
})
