/**
 * CVE-2021-32760, CVE-2024-3727 and their kind: names in an archive of images that lead out of it, links to files of the host, digests that are
 * paths. Nothing of the host is read or written; a layer’s own entries are test/hostile/layer-*’s.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openArchive } from '../../image/archive/open-archive.ts'
import { WherryError } from '../../runtime/errors.ts'
import { parseManifest } from '../../image/spec/manifest.ts'
import { assertUnseen, canary } from '../support/attack.ts'
import { imageOf, type TarEntry, tarOf, type TestImage, writeLayout } from '../support/images.ts'
import { requires } from '../support/requires.ts'
import { tools } from '../support/tools.ts'

/** What became of opening it and reading everything in it: bytes, and messages. */
const tryAll = async (path: string, temporary: string): Promise<string[]> => {
  const said: string[] = []
  const note = (error: unknown): void => {
    assert.ok(error instanceof WherryError, `not an error of ours: ${error}`)
    said.push(error.message)
  }
  try {
    const archive = await openArchive(path, { temporary })
    try {
      for (const image of archive.images)
        try {
          const source = image.source()
          const { config, layers } = parseManifest(await source.document())
          for (const blob of [config, ...layers]) for await (const chunk of source.blob(blob)) said.push(Buffer.from(chunk).toString())
        } catch (error) {
          note(error)
        }
    } finally {
      archive.close()
    }
  } catch (error) {
    note(error)
  }
  return said
}

const dockerArchive = async (
  image: TestImage,
  change: (rows: { Config: string; Layers: string[] }) => void,
  more: readonly TarEntry[],
): Promise<Buffer> => {
  const row = { Config: 'config.json', RepoTags: ['x:1'], Layers: image.layers.map((_, at) => `${at}.tar`) }
  change(row)
  return tarOf([
    { name: 'config.json', content: image.config.bytes },
    ...image.layers.map(({ tar }, at) => ({ name: `${at}.tar`, content: tar })),
    { name: 'manifest.json', content: JSON.stringify([row]) },
    ...more,
  ])
}

test('paths of manifest.json are names in the archive', async (t) => {
  const { folder, path } = tools(t)
  const host = canary(t)
  const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })
  const up = `../../../../../../..${host.file}`
  for (const name of [host.file, up, `./${up}`, `x/${up}`, `/proc/self/root${host.file}`]) {
    for (const change of [
      (row: { Config: string; Layers: string[] }) => {
        row.Config = name
      },
      (row: { Config: string; Layers: string[] }) => {
        row.Layers = [name]
      },
    ]) {
      writeFileSync(path('x.tar'), await dockerArchive(image, change, []))
      const said = await tryAll(path('x.tar'), folder)
      assertUnseen(host, ...said)
      assert.ok(
        said.some((text) => /is not in the archive/.test(text)),
        said.join('\n'),
      )
    }
  }
})

test('links in an archive lead to names in the archive', async (t) => {
  const { folder, path } = tools(t)
  const host = canary(t)
  const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })
  for (const type of ['symlink', 'link'] as const)
    for (const linkname of [host.file, `../../../../../..${host.file}`]) {
      const archive = await dockerArchive(image, (row) => row.Layers.splice(0, 1, 'evil.tar'), [{ name: 'evil.tar', type, linkname }])
      writeFileSync(path('x.tar'), archive)
      const said = await tryAll(path('x.tar'), folder)
      assertUnseen(host, ...said)
      assert.ok(
        said.some((text) => /layer "evil\.tar" is not in the archive/.test(text)),
        said.join('\n'),
      )
    }
})

test('entries are never made files, whatever they are called', async (t) => {
  const { folder, path } = tools(t)
  const host = canary(t)
  const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })
  mkdirSync(path('store'))
  for (const name of [`../../../../../../../..${host.folder}/new`, `${host.folder}/canary`, 'a/../../x']) {
    for (const packed of [false, true]) {
      writeFileSync(path('x.tar'), await dockerArchive(image, () => undefined, [{ name, content: 'written' }]))
      if (packed) {
        execFileSync('gzip', ['-f', path('x.tar')])
        renameSync(path('x.tar.gz'), path('x.tar'))
      }
      await tryAll(path('x.tar'), path('store'))
      assert.deepEqual(readdirSync(path('store')), [], 'nothing is left behind')
    }
  }
  assert.deepEqual(readdirSync(folder).sort(), ['auth.json', 'policy.json', 'store', 'x.tar'])
})

test('digests are no paths', async (t) => {
  const { folder, path } = tools(t)
  const host = canary(t)
  const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })
  for (const digest of [
    `sha256:../../../../../..${host.file}`,
    `sha256:${host.file}`,
    `../..:${'0'.repeat(64)}`,
    'sha256:',
    `sha256:${'A'.repeat(64)}`,
  ]) {
    writeLayout(path('layout'), { x: image })
    const index = { schemaVersion: 2, manifests: [{ mediaType: image.document.mediaType, digest, size: 100 }] }
    writeFileSync(path('layout/index.json'), JSON.stringify(index))
    const said = await tryAll(path('layout'), folder)
    assertUnseen(host, ...said)
    assert.ok(
      said.some((text) => /index\.json: manifests\[0\]\.digest/.test(text)),
      said.join('\n'),
    )
  }
})

const withFolder = async (t: TestContext): Promise<{ folder: string; layout: string; image: TestImage }> => {
  const { folder, path } = tools(t)
  const image = await imageOf({ layers: [[{ name: 'a', content: 'a' }]] })
  writeLayout(path('layout'), { x: image })
  return { folder, layout: path('layout'), image }
}

test('files of a folder are not links out of it, not pipes, not folders', { skip: requires('root') }, async (t) => {
  const { folder, layout, image } = await withFolder(t)
  const host = canary(t)
  chmodSync(host.file, 0o600)
  const blob = `${layout}/blobs/sha256/${image.layers[0]!.descriptor.digest.slice(7)}`
  for (const file of [blob, `${layout}/index.json`, `${layout}/oci-layout`]) {
    cpSync(file, `${folder}/kept`)
    const attempts: readonly (readonly [() => void, RegExp])[] = [
      [() => symlinkSync(host.file, file), /is a link out of the folder|neither an OCI image layout/],
      [() => symlinkSync(`../../../../..${host.file}`, file), /is a link out of the folder|neither/],
      [() => symlinkSync('/proc/self/fd/0', file), /is a link out of the folder|opening|neither/],
      [() => execFileSync('mkfifo', [file]), /is no regular file/],
      [() => mkdirSync(file), /is no regular file/],
    ]
    for (const [make, reason] of attempts) {
      rmSync(file, { recursive: true })
      make()
      const said = await tryAll(layout, folder)
      assertUnseen(host, ...said)
      assert.ok(
        said.some((text) => reason.test(text)),
        `${basename(file)}: ${said.join('\n')}`,
      )
    }
    rmSync(file, { recursive: true })
    cpSync(`${folder}/kept`, file)
  }
})
