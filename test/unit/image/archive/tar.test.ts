/** Tar archives: what is written is what is read, by us and by tar(1); archives are indexed without their contents being read. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openOutput } from '../../../../image/archive/output.ts'
import { encodeHeader, END, padding, type TarHeader } from '../../../../image/archive/tar-header.ts'
import { TarFiles } from '../../../../image/archive/tar-files.ts'
import { cleanName } from '../../../../image/archive/tar-index.ts'
import { TarWriter } from '../../../../image/archive/tar-writer.ts'
import { readEntries } from '../../../../image/layer/entries.ts'
import type { Entry } from '../../../../image/layer/entry.ts'
import { type TarEntry, tarOf } from '../../../support/images.ts'

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'wherry-test-tar-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const filesIn = (t: TestContext, bytes: Uint8Array): TarFiles => {
  const path = join(folder(t), 'x.tar')
  writeFileSync(path, bytes)
  const files = new TarFiles(openSync(path, 'r'), bytes.length, 'oci-archive:x.tar')
  t.after(() => files.close())
  return files
}

const text = async (stream: AsyncIterable<Uint8Array>): Promise<string> => {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString()
}

const PLAIN: TarHeader = { name: 'a', type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size: 0 }

const entriesOf = async (...headers: TarHeader[]): Promise<Entry[]> => {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const header of headers) yield Buffer.concat([encodeHeader(header), Buffer.alloc(header.size + padding(header.size))])
    yield END
  }
  const found: Entry[] = []
  for await (const { body: _, ...entry } of readEntries(bytes())) found.push(entry)
  return found
}

test('headers are read back as they were written', async () => {
  const long = `${'folder/'.repeat(30)}file`
  const headers: TarHeader[] = [
    PLAIN,
    { ...PLAIN, name: long, size: 3 },
    { ...PLAIN, name: 'n\u{1f4e6}', mtime: 1_600_000_000_123_456_789n },
    { ...PLAIN, name: 'raw\udcff', mtime: -1_500_000_000n },
    { ...PLAIN, name: 'ids', uid: 3_000_000_000, gid: 2_097_152, mode: 0o7777 },
    { ...PLAIN, name: 'dir/', type: 'directory' },
    { ...PLAIN, name: 'link', type: 'symlink', link: `/${long}` },
    { ...PLAIN, name: 'hard', type: 'hardlink', link: long },
    { ...PLAIN, name: 'dev', type: 'block', major: 259, minor: 70_000 },
    {
      ...PLAIN,
      name: 'caps',
      xattrs: new Map([
        ['security.capability', Buffer.from([1, 0, 0, 2, 0, 255, 10])],
        ['user.a', Buffer.from('')],
      ]),
    },
  ]
  const read = await entriesOf(...headers)
  assert.deepEqual(
    read.map(({ path, type, mode, uid, gid, mtime, size, link, major, minor }) => ({
      ...{ name: type === 'directory' ? `${path}/` : path, type, mode, uid, gid, mtime, size },
      ...(link === undefined ? {} : { link }),
      ...(major === undefined ? {} : { major, minor }),
    })),
    headers.map(({ xattrs: _, ...header }) => header),
  )
  const caps = read.at(-1)!.xattrs
  assert.deepEqual([...caps.get('security.capability')!], [1, 0, 0, 2, 0, 255, 10])
})

test('sizes beyond octal do not make the header longer', () => {
  assert.equal(encodeHeader({ ...PLAIN, size: 9 * 1024 ** 3 }).length, 512)
})

test('files of an archive by their clean names', async (t) => {
  const long = `${'x'.repeat(60)}/${'y'.repeat(60)}/${'z'.repeat(120)}`
  const entries: TarEntry[] = [
    { name: './manifest.json', content: '[]' },
    { name: 'dir/' },
    { name: long, content: 'long' },
    { name: 'dir/layer.tar', type: 'symlink', linkname: '../other/layer.tar' },
    { name: 'other/layer.tar', content: 'layer' },
    { name: 'hard', type: 'link', linkname: 'other/layer.tar' },
    { name: 'out', type: 'symlink', linkname: '../../etc/passwd' },
    { name: 'loop', type: 'symlink', linkname: 'loop' },
    { name: 'fifo', type: 'fifo' },
  ]
  const files = filesIn(t, await tarOf(entries))
  assert.equal(await text(files.stream('manifest.json')), '[]')
  assert.equal(await text(files.stream(long)), 'long')
  for (const path of ['dir/layer.tar', 'hard', './other//layer.tar'])
    assert.equal(await text(files.stream(path, { offset: 1 })), 'ayer', path)
  for (const path of ['out', 'loop', 'fifo', 'dir', '../manifest.json', 'nothing']) assert.equal(files.size(path), undefined, path)
  assert.throws(() => files.read('nothing', 10), { kind: 'not-found' })
  assert.throws(() => files.read('manifest.json', 1), { kind: 'invalid-argument', message: /has 2 bytes, at most 1 are allowed/ })
})

test("GNU's and POSIX's dialects of tar(1)", async (t) => {
  const at = folder(t)
  const name = `${'n'.repeat(150)}.json`
  writeFileSync(join(at, name), 'content')
  for (const format of ['gnu', 'posix', 'ustar', 'v7']) {
    const member = format === 'ustar' || format === 'v7' ? 'short' : name
    writeFileSync(join(at, 'short'), 'content')
    const files = filesIn(t, execFileSync('tar', ['-C', at, `--format=${format}`, '-cf', '-', member]))
    assert.equal(await text(files.stream(member)), 'content', format)
  }
})

test('names that are there twice are only wrong where they are asked for', async (t) => {
  const files = filesIn(
    t,
    await tarOf([
      { name: 'a', content: '1' },
      { name: './a', content: '2' },
      { name: 'b', content: '3' },
    ]),
  )
  assert.equal(await text(files.stream('b')), '3')
  assert.throws(() => files.size('a'), { kind: 'invalid-argument', message: /"a" is there twice/ })
})

test('clean names', () => {
  assert.equal(cleanName('./a//b/.'), 'a/b')
  assert.equal(cleanName('a/../b'), 'b')
  assert.equal(cleanName('../a'), undefined)
  assert.equal(cleanName('/a'), 'a')
})

for (const seekable of [true, false])
  test(`a file whose size is known at its end, ${seekable ? 'in a file' : 'into a pipe'}`, async (t) => {
    const at = folder(t)
    const path = join(at, 'x.tar')
    const fd = seekable ? undefined : openSync(path, 'w')
    const output = openOutput(fd ?? path)
    const tar = new TarWriter(output, at)
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (let part = 0; part < 10; part++) yield Buffer.alloc(1000, 0x61 + part)
    }
    await tar.file('first', Buffer.from('1'))
    await tar.unsized(bytes(), () => 'second')
    await tar.file('third', Buffer.from('3'))
    await tar.end()
    await output.commit()
    output.close()
    if (fd !== undefined) closeSync(fd)
    assert.equal(execFileSync('tar', ['-tf', path], { encoding: 'utf8' }), 'first\nsecond\nthird\n')
    const files = filesIn(t, readFileSync(path))
    assert.equal(files.size('second'), 10_000)
    assert.equal(await text(files.stream('third')), '3')
  })
