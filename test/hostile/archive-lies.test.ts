/**
 * Archives of images that are not what they say: other digests, other sizes, cut off, damaged anywhere, too large (CVE-2023-25153), the same
 * name twice. What is read has its digest, or an error says what is wrong; nothing is left behind.
 */
import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openArchive, type OpenArchiveOptions } from '../../image/archive/open-archive.ts'
import { encodeHeader, END } from '../../image/archive/tar-header.ts'
import { verified } from '../../image/archive/verified.ts'
import { digestOf } from '../../image/digest.ts'
import { parseImageConfig, requireSameLayers } from '../../image/spec/config.ts'
import { parseManifest } from '../../image/spec/manifest.ts'
import { WherryError } from '../../runtime/errors.ts'
import { imageOf, type TarEntry, tarOf, type TestImage } from '../support/images.ts'
import { requires } from '../support/requires.ts'
import { tools } from '../support/tools.ts'
import { execFileSync } from 'node:child_process'

const image = await imageOf({ layers: [[{ name: 'a', content: 'a'.repeat(3000) }], [{ name: 'b', content: 'b' }]] })

/** Digest of the config and all bytes of all images, each verified. */
const readAll = async (path: string, temporary: string, options: Partial<OpenArchiveOptions> = {}): Promise<string[]> => {
  const archive = await openArchive(path, { temporary, ...options })
  const found: string[] = []
  try {
    for (const { source } of archive.images) {
      const opened = source()
      const manifest = parseManifest(await opened.document())
      const parts: Uint8Array[] = []
      for await (const chunk of verified(opened.blob(manifest.config), manifest.config, opened.name)) parts.push(chunk)
      requireSameLayers(manifest, parseImageConfig(Buffer.concat(parts)))
      for (const layer of manifest.layers) for await (const _ of verified(opened.blob(layer), layer, opened.name));
      found.push(manifest.config.digest, ...manifest.layers.map(({ digest }) => digest))
    }
    return found
  } finally {
    archive.close()
  }
}

const dockerEntries = (of: TestImage, row: object = {}): TarEntry[] => [
  ...of.layers.map(({ tar }, at) => ({ name: `${at}.tar`, content: tar })),
  { name: 'config.json', content: of.config.bytes },
  { name: 'manifest.json', content: JSON.stringify([{ Config: 'config.json', RepoTags: ['x:1'], Layers: ['0.tar', '1.tar'], ...row }]) },
]

const layoutEntries = (of: TestImage, index: object = {}): TarEntry[] => [
  { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
  ...[of.config, ...of.layers, { descriptor: of.document, bytes: Buffer.from(of.document.bytes) }].map(({ descriptor, bytes }) => ({
    name: `blobs/sha256/${descriptor.digest.slice(7)}`,
    content: bytes,
  })),
  { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [of.descriptor], ...index }) },
]

test('whole archives are read', async (t) => {
  const { folder, path } = tools(t)
  writeFileSync(path('d.tar'), await tarOf(dockerEntries(image)))
  writeFileSync(path('o.tar'), await tarOf(layoutEntries(image)))
  assert.deepEqual(await readAll(path('d.tar'), folder), [image.config.descriptor.digest, ...image.layers.map(({ diffID }) => diffID)])
  assert.deepEqual(await readAll(path('o.tar'), folder), [
    image.config.descriptor.digest,
    ...image.layers.map(({ descriptor }) => descriptor.digest),
  ])
})

test('a file with other contents than its digest says', async (t) => {
  const { folder, path } = tools(t)
  const entries = layoutEntries(image)
  for (const [at, { name, content }] of entries.entries()) {
    if (!name.startsWith('blobs/')) continue
    const bytes = Buffer.from(content as Uint8Array)
    const changed = Buffer.from(bytes)
    changed[changed.length - 1]! ^= 1
    const blob = name.slice('blobs/sha256/'.length)
    for (const [lie, kind] of [
      [changed, 'data-loss'],
      [Buffer.concat([bytes, Buffer.from(' ')]), 'data-loss'],
      [bytes.subarray(1), 'data-loss'],
      [Buffer.alloc(0), 'data-loss'],
    ] as const) {
      writeFileSync(path('x.tar'), await tarOf(entries.with(at, { name, content: lie })))
      await assert.rejects(readAll(path('x.tar'), folder), { kind, message: new RegExp(blob) }, name)
    }
    writeFileSync(path('x.tar'), await tarOf(entries.toSpliced(at, 1)))
    await assert.rejects(readAll(path('x.tar'), folder), { kind: 'not-found', message: new RegExp(blob) }, name)
  }
})

test('a layer of a docker archive that is not the one its config names', async (t) => {
  const { folder, path } = tools(t)
  const other = await imageOf({ layers: [[{ name: 'evil', content: 'evil' }], [{ name: 'b', content: 'b' }]] })
  const entries = dockerEntries(image)
  writeFileSync(path('x.tar'), await tarOf(entries.with(0, { name: '0.tar', content: other.layers[0]!.tar })))
  await assert.rejects(readAll(path('x.tar'), folder), { kind: 'data-loss', message: new RegExp(image.layers[0]!.diffID) })
  writeFileSync(path('x.tar'), await tarOf(dockerEntries(image, { Layers: ['0.tar'] })))
  await assert.rejects(readAll(path('x.tar'), folder), {
    kind: 'invalid-argument',
    message: /manifest\.json has 1 layers, the config has diff-ids of 2/,
  })
})

test('the same name twice is refused, not chosen between', async (t) => {
  const { folder, path } = tools(t)
  for (const entries of [dockerEntries(image), layoutEntries(image)])
    for (const { name } of entries) {
      writeFileSync(path('x.tar'), await tarOf([...entries, { name, content: 'other' }]))
      await assert.rejects(
        readAll(path('x.tar'), folder),
        { kind: 'invalid-argument', message: /is there twice, and which one is meant is in doubt/ },
        name,
      )
    }
})

test('documents that are wrong', async (t) => {
  const { folder, path } = tools(t)
  const tries: readonly (readonly [TarEntry[], string, RegExp])[] = [
    [[{ name: 'repositories', content: '{}' }], 'unsupported', /as docker before 1\.10 wrote it/],
    [[{ name: 'a', content: 'a' }], 'invalid-argument', /holds neither an OCI image layout .* nor what docker save makes/],
    [[{ name: 'manifest.json', content: '{}' }], 'invalid-argument', /manifest\.json: must be a list|manifest\.json.*list/],
    [[{ name: 'manifest.json', content: '[{}]' }], 'invalid-argument', /Config/],
    [[{ name: 'manifest.json', content: '[{"Config": 7}]' }], 'invalid-argument', /Config/],
    [[{ name: 'manifest.json', content: `"${'x'.repeat(5_000_000)}"` }], 'invalid-argument', /has 5000002 bytes, at most 4194304/],
    [[{ name: 'manifest.json', content: `[${'['.repeat(100)}` }], 'invalid-argument', /nested deeper/],
    [
      layoutEntries(image).with(0, { name: 'oci-layout', content: '{"imageLayoutVersion":"2.0.0"}' }),
      'unsupported',
      /layout version 2\.0\.0/,
    ],
    [layoutEntries(image, { layers: [] }), 'invalid-argument', /is an index and has "layers" too/],
    [layoutEntries(image, { manifests: [{ ...image.descriptor, size: 1 }] }), 'data-loss', /index\.json says 1/],
    [layoutEntries(image, { manifests: [{ ...image.descriptor, size: -1 }] }), 'invalid-argument', /manifests\[0\]\.size/],
  ]
  for (const [entries, kind, message] of tries) {
    writeFileSync(path('x.tar'), await tarOf(entries))
    await assert.rejects(readAll(path('x.tar'), folder), { kind, message }, String(message))
  }
})

test('cut off anywhere', async (t) => {
  const { folder, path } = tools(t)
  const whole = await tarOf(layoutEntries(image))
  // what fills the last block up is no content
  const contents = whole.lastIndexOf('}') + 1
  for (let length = 0; length < contents; length += 389) {
    writeFileSync(path('x.tar'), whole.subarray(0, length))
    await assert.rejects(readAll(path('x.tar'), folder), WherryError, `${length} of ${whole.length} bytes`)
  }
  const packed = gzipSync(whole)
  for (let length = 10; length < packed.length; length += 211) {
    writeFileSync(path('x.tar'), packed.subarray(0, length))
    await assert.rejects(readAll(path('x.tar'), folder), { kind: 'data-loss', message: /the gzip stream is damaged or cut off/ })
  }
})

test('any byte changed: an error of ours, or all digests are right', async (t) => {
  const { folder, path } = tools(t)
  const right = [image.config.descriptor.digest, ...image.layers.map(({ descriptor }) => descriptor.digest)]
  const whole = await tarOf(layoutEntries(image))
  let noticed = 0
  for (let at = 0; at < whole.length; at += 13) {
    const changed = Buffer.from(whole)
    changed[at]! ^= 1 << (at % 8)
    writeFileSync(path('x.tar'), changed)
    try {
      const found = await readAll(path('x.tar'), folder)
      // one of a type that nobody knows is no image
      if (found.length > 0) assert.deepEqual(found, right)
      else noticed++
    } catch (error) {
      assert.ok(error instanceof WherryError, `byte ${at}: ${error}`)
      noticed++
    }
  }
  assert.ok(noticed > 100, `${noticed} noticed`)
})

test('a header that promises more than there is, or too much', async (t) => {
  const { folder, path } = tools(t)
  const header = (name: string, size: number): Buffer => encodeHeader({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size })
  writeFileSync(path('x.tar'), Buffer.concat([header('manifest.json', 2 ** 52), END]))
  await assert.rejects(readAll(path('x.tar'), folder), { kind: 'data-loss', message: /cut off/ })
  const long = header('x', 64 * 1024 * 1024)
  long[156] = 'x'.charCodeAt(0)
  long.write('        ', 148)
  long.write(
    `${long
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  writeFileSync(path('x.tar'), Buffer.concat([long, Buffer.alloc(64 * 1024 * 1024), END]))
  await assert.rejects(readAll(path('x.tar'), folder), { kind: 'invalid-argument', message: /a header of 67108864 bytes is more than/ })
  writeFileSync(path('x.tar'), Buffer.concat([...Array.from({ length: 100_001 }, (_, at) => header(String(at), 0)), END]))
  await assert.rejects(readAll(path('x.tar'), folder), { kind: 'resource-exhausted', message: /more than 100000 entries/ })
})

test('an archive that swells', async (t) => {
  const { folder, path } = tools(t)
  writeFileSync(path('x.tar'), gzipSync(Buffer.alloc(20_000_000)))
  const limits = { bytes: 10_000_000, ratio: 500 }
  await assert.rejects(readAll(path('x.tar'), folder, { limits }), { kind: 'resource-exhausted', message: /more than 10000000 bytes/ })
  assert.deepEqual(readdirSync(folder).sort(), ['auth.json', 'policy.json', 'x.tar'])
})

test('no room for the temporary file', { skip: requires('root') }, async (t) => {
  const { path } = tools(t)
  const { withTmpfs } = await import('../support/tmpfs.ts')
  writeFileSync(path('x.tar'), gzipSync(Buffer.alloc(8_000_000)))
  await withTmpfs(1_000_000, async (small) => {
    await assert.rejects(readAll(path('x.tar'), small), { kind: 'resource-exhausted', message: /no room for a temporary file/ })
  })
})

test('compression that is not supported is named', async (t) => {
  const { folder, path } = tools(t)
  writeFileSync(path('plain'), await tarOf(dockerEntries(image)))
  for (const [program, kind] of [
    ['bzip2', 'bzip2'],
    ['xz', 'xz'],
  ] as const) {
    writeFileSync(path('x.tar'), execFileSync(program, ['-c', path('plain')], { maxBuffer: 1e7 }))
    await assert.rejects(readAll(path('x.tar'), folder), { kind: 'unsupported', message: new RegExp(`is compressed with ${kind}`) })
    // a descriptor that was lent, like standard input, is still open
    const fd = openSync(path('x.tar'), 'r')
    await assert.rejects(openArchive(fd, { temporary: folder }), { kind: 'unsupported' })
    closeSync(fd)
  }
})

test('an id is what the config’s bytes are, not what the archive calls them', async (t) => {
  const { folder, path } = tools(t)
  const entries = dockerEntries(image, { Config: `${'0'.repeat(64)}.json` }).map((entry) =>
    entry.name === 'config.json' ? { ...entry, name: `${'0'.repeat(64)}.json` } : entry,
  )
  writeFileSync(path('x.tar'), await tarOf(entries))
  assert.equal((await readAll(path('x.tar'), folder))[0], digestOf(image.config.bytes))
})
