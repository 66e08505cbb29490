/** Documents of images, and settings, that are to be taken for something else than they are. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { digestOf } from '../../image/digest.ts'
import { parseReference } from '../../image/reference.ts'
import { credentialsFor } from '../../image/settings/credentials.ts'
import { certificatesFor } from '../../image/settings/certificates.ts'
import { parseImageConfig } from '../../image/spec/config.ts'
import { parseDocument } from '../../image/spec/manifest.ts'
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../image/spec/media-types.ts'
import { canary } from '../support/attack.ts'
import { bytesOf, configJson, descriptorOf, indexJson, manifestJson } from '../support/documents.ts'
import { place } from '../support/settings.ts'

test('one digest that is an index to one reader and a manifest to another (CVE-2021-41190)', () => {
  const { mediaType: _, ...index } = indexJson()
  const { mediaType: __, ...manifest } = manifestJson()
  const both = { ...index, ...manifest }
  for (const document of [both, { ...both, mediaType: OCI_MANIFEST }, { ...both, mediaType: OCI_INDEX }, { ...both, fsLayers: [] }])
    for (const mediaType of [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX, 'text/plain', ''])
      assert.throws(
        () => parseDocument({ bytes: bytesOf(document), mediaType }),
        /too: what it is must not be in doubt|says of itself that it is|says what type it is|schema 1/,
      )
  // without the other’s fields it is still only what both sides say
  for (const [document, mediaType] of [
    [manifest, OCI_INDEX],
    [index, OCI_MANIFEST],
    [manifest, DOCKER_INDEX],
  ] as const)
    assert.throws(() => parseDocument({ bytes: bytesOf(document), mediaType }), /must not be in doubt/)
})

test('fields that parsers read differently', () => {
  const text = JSON.stringify(manifestJson())
  for (const twisted of [
    text.replace('"layers":', '"layers":[],"layers":'),
    text.replace('"layers":', '"l\\u0061yers":[],"layers":'),
    text.replace('"layers":', '"Layers":[],"layers":'),
    text.replace('"config":', '"CONFIG":{},"config":'),
    text.replace('"digest":', '"Digest":"x","digest":'),
    `\ufeff${text}`,
    `${text}${text}`,
    text.replace('{', '{"manifest\u017f":[],"Manifests":[],'),
  ])
    assert.throws(
      () => parseDocument({ bytes: bytesOf(twisted), mediaType: OCI_MANIFEST }),
      /twice in one object|some would read as|is not JSON/,
    )
})

test('digests that are paths (CVE-2024-3727)', (t) => {
  const secret = canary(t)
  for (const path of [
    `sha256:${'../'.repeat(12)}${secret.file}`,
    `sha256:/${secret.file}`,
    `../${secret.file}:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(60)}/../`,
    `sha256:${'a'.repeat(64)}\0`,
    `sha256:${'a'.repeat(64)}\n`,
    `sha256:${'A'.repeat(64)}`,
    ` sha256:${'a'.repeat(64)}`,
    'sha256:',
    ':',
  ]) {
    const bad = { ...descriptorOf('x'), digest: path }
    for (const document of [manifestJson({ layers: [bad] }), manifestJson({ config: bad }), manifestJson({ subject: bad })])
      assert.throws(
        () => parseDocument({ bytes: bytesOf(document), mediaType: OCI_MANIFEST }),
        /digest: .*(is no digest|lower-case hexadecimal)/,
      )
    assert.throws(() => parseDocument({ bytes: bytesOf(indexJson([], { manifests: [bad] })), mediaType: OCI_INDEX }), /digest/)
    assert.throws(
      () => parseImageConfig(bytesOf(configJson({}, { rootfs: { type: 'layers', diff_ids: [path] } }))),
      /rootfs\.diff_ids\[0\]/,
    )
    assert.throws(() => parseReference(`localhost/a@${path}`), /digest|is in no image’s name/)
  }
})

test('embedded content that is not what its digest says', () => {
  const evil = Buffer.from('{"evil":true}')
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(Buffer.from('{"good":true}')),
    size: evil.length,
  }
  assert.throws(
    () =>
      parseDocument({ bytes: bytesOf(manifestJson({ config: { ...config, data: evil.toString('base64') } })), mediaType: OCI_MANIFEST }),
    {
      kind: 'data-loss',
    },
  )
})

test('a host that is a path to settings', (t) => {
  const here = place(t)
  here.write('etc/evil/ca.crt', '-----BEGIN CERTIFICATE-----')
  mkdirSync(join(here.folder, 'etc/containers/certs.d'), { recursive: true })
  for (const text of ['../../evil/a', '..:1/a', '.../a', 'a../b', '[../../evil]/a'])
    assert.throws(() => parseReference(text), /host|component|IPv6/)
  assert.equal(certificatesFor('localhost', here.around), undefined)
})

test('a credential helper that is a path or a command line', async (t) => {
  const here = place(t)
  const secret = canary(t)
  const program = join(secret.folder, '..', `evil-${process.pid}`)
  here.helper('good', 'echo "credentials not found"; exit 1')
  writeFileSync(join(here.folder, 'bin/evil'), `#!/bin/sh\necho x > ${secret.folder}/made\n`, { mode: 0o755 })
  for (const name of [
    '/../evil',
    '../evil',
    `x/../../${relative('/', program)}`,
    `good; touch ${secret.folder}/made`,
    `good $(touch ${secret.folder}/made)`,
    'good\nevil',
    'good\0evil',
    '-x',
    '',
    '.',
  ]) {
    for (const file of [{ credHelpers: { 'my.local': name } }, { credsStore: name }]) {
      here.write('run/containers/7/auth.json', file)
      if (name === '') assert.equal(await credentialsFor('my.local/x', { around: here.around }), undefined)
      else
        await assert.rejects(credentialsFor('my.local/x', { around: here.around }), {
          kind: 'invalid-argument',
          message: /is no name of a credential helper/,
        })
    }
  }
  assert.deepEqual(readdirSync(secret.folder), ['canary'])
  assert.ok(!existsSync(program))
})

test('a server’s name is data to a helper, never a command', async (t) => {
  const here = place(t)
  here.helper('mine', `printf '%s %s' "$#" "$1" > ${here.folder}/args; cat > ${here.folder}/server; echo 'credentials not found'; exit 1`)
  here.write('run/containers/7/auth.json', { credsStore: 'mine' })
  const name = '$(kill $PPID);`id`;-x & a.local'
  assert.equal(await credentialsFor(name, { around: here.around }), undefined)
  assert.equal(readFileSync(join(here.folder, 'args'), 'utf8'), '1 get')
  assert.equal(readFileSync(join(here.folder, 'server'), 'utf8'), `${name}\n`)
})
