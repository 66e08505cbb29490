/** A layer as a stream and the same layer unpacked are the same to look at. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { feedBlob } from '../../../../image/inspect/feed.ts'
import { filesOf } from '../../../../image/inspect/files.ts'
import { LayerTree } from '../../../../image/inspect/layer-tree.ts'
import { walkLayer } from '../../../../image/inspect/walk.ts'
import { AT_FDCWD } from '../../../../runtime/sys/abi/fcntl.ts'
import { S_IFCHR, S_IFIFO } from '../../../../runtime/sys/abi/stat.ts'
import { syscall } from '../../../../runtime/sys/syscall.ts'
import { type Compression, compressed, type TarEntry, tarOf } from '../../../support/images.ts'
import { requires } from '../../../support/requires.ts'

const MTIME = 1_700_000_000

const streamed = async (entries: readonly TarEntry[], compression: Compression = 'gzip', hash = false): Promise<LayerTree> => {
  const tree = new LayerTree()
  const bytes = await compressed(await tarOf(entries), compression)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
  }
  const mediaType = `application/vnd.oci.image.layer.v1.tar${compression === 'none' ? '' : `+${compression}`}`
  await feedBlob(tree, 0, { name: 'the layer', mediaType, bytes: chunks() }, { hash })
  return tree
}

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'wherry-test-feed-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const setxattr = (path: string, name: string, value: string): number =>
  syscall('lsetxattr', [path, name, Buffer.from(value), value.length, 0])

test('a folder as overlayfs has it, and the archive it came from', { skip: requires('root') }, async (t) => {
  const root = folder(t)
  const at = (path: string): string => join(root, path)
  for (const path of ['etc', 'opaque', 'implied', 'deep', 'deep/er']) mkdirSync(at(path))
  writeFileSync(at('etc/a'), 'content')
  chmodSync(at('etc/a'), 0o4755)
  linkSync(at('etc/a'), at('etc/b'))
  symlinkSync('a', at('etc/link'))
  writeFileSync(at('implied/x'), 'x')
  writeFileSync(at('opaque/new'), 'new!')
  writeFileSync(at('deep/er/sparse'), '')
  truncateSync(at('deep/er/sparse'), 100_000)
  syscall('mknodat', [AT_FDCWD, at('etc/gone'), S_IFCHR, 0])
  syscall('mknodat', [AT_FDCWD, at('etc/null'), S_IFCHR | 0o666, (1 << 8) | 3])
  syscall('mknodat', [AT_FDCWD, at('etc/pipe'), S_IFIFO | 0o600, 0])
  chmodSync(at('etc/null'), 0o666)
  setxattr(at('opaque'), 'trusted.overlay.opaque', 'y')
  setxattr(at('etc/a'), 'user.comment', 'hello')
  for (const path of [
    'etc/a',
    'implied/x',
    'opaque/new',
    'deep/er/sparse',
    'etc/null',
    'etc/pipe',
    'deep/er',
    'deep',
    'etc',
    'opaque',
    '.',
  ])
    utimesSync(at(path), MTIME, MTIME)
  lutimesSync(at('etc/link'), MTIME, MTIME)
  const walked = new LayerTree()
  walkLayer(walked, 0, { root, implied: ['implied'], links: [] })
  chmodSync(root, 0o755)

  const tree = await streamed([
    { name: './' },
    { name: 'etc/' },
    { name: 'etc/a', content: 'content', mode: 0o4755, pax: { 'SCHILY.xattr.user.comment': 'hello' } },
    { name: 'etc/b', type: 'link', linkname: 'etc/a' },
    { name: 'etc/link', type: 'symlink', linkname: 'a', mode: 0o777 },
    { name: 'etc/.wh.gone' },
    { name: 'etc/null', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 },
    { name: 'etc/pipe', type: 'fifo', mode: 0o600 },
    { name: 'implied/x', content: 'x' },
    { name: 'opaque/' },
    { name: 'opaque/.wh..wh..opq' },
    { name: 'opaque/new', content: 'new!' },
    { name: 'deep/' },
    { name: 'deep/er/' },
    { name: 'deep/er/sparse', content: Buffer.alloc(100_000) },
  ])
  const rows = (of: LayerTree): unknown[] =>
    [...filesOf(of, 0)].filter(({ path }) => path !== '').map((row) => ({ ...row, xattrs: { ...row.xattrs } }))
  assert.deepEqual(rows(walked), rows(tree))
  assert.equal(rows(tree).length, 13)
  const a = [...filesOf(walked, 0)].find(({ path }) => path === 'etc/a')!
  assert.equal(Buffer.from(a.xattrs!['user.comment']!, 'base64url').toString(), 'hello')
})

test('entries beneath a link of the same layer are where the link leads', async () => {
  const tree = await streamed([
    { name: 'usr/lib/' },
    { name: 'lib', type: 'symlink', linkname: 'usr/lib' },
    { name: 'lib/x', content: '1' },
    { name: 'lib/y', type: 'link', linkname: 'lib/x' },
    { name: 'out', type: 'symlink', linkname: '../../..' },
    { name: 'out/z', content: '2' },
  ])
  const paths = [...filesOf(tree, 0)].map(({ path }) => path)
  assert.deepEqual(paths, ['', 'lib', 'out', 'usr', 'usr/lib', 'usr/lib/x', 'usr/lib/y', 'z'])
})

test('contents are hashed alike, however they are compressed and packed', async () => {
  const content = Buffer.alloc(300_000, 7)
  const hashes = new Set<string | undefined>()
  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    const tree = await streamed([{ name: 'a', content }], compression, true)
    hashes.add(tree.hashOf(tree.newestOf(tree.paths.find('a'))))
  }
  assert.equal(hashes.size, 1)
  assert.match([...hashes][0]!, /^[0-9a-f]{32}$/)
})

test('damaged blobs are named', async () => {
  const gz = await compressed(await tarOf([{ name: 'a', content: 'x'.repeat(10_000) }]), 'gzip')
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield gz.subarray(0, gz.length - 20)
  }
  const blob = { name: 'docker.io/library/x: layer sha256:0', mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', bytes: cut() }
  await assert.rejects(feedBlob(new LayerTree(), 0, blob), {
    kind: 'invalid-argument',
    message: /^docker\.io\/library\/x: layer sha256:0: gzip: the data is cut off/,
  })
})
