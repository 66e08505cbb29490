import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { openStore } from '../../../../image/store/store.ts'
import { requires } from '../../../support/requires.ts'

describe('opening a store', () => {
  let parent: string
  let root: string
  beforeEach(() => {
    parent = mkdtempSync(`${tmpdir()}/wherry-store-`)
    root = `${parent}/a/store`
  })
  afterEach(() => rmSync(parent, { recursive: true, force: true }))

  const modeOf = (path: string): number => statSync(path).mode & 0o777

  test('makes an OCI layout for its owner alone', () => {
    const store = openStore(root)
    assert.equal(store.root, root)
    assert.equal(readFileSync(`${root}/oci-layout`, 'utf8'), '{"imageLayoutVersion":"1.0.0"}')
    assert.deepEqual(JSON.parse(readFileSync(`${root}/index.json`, 'utf8')).manifests, [])
    assert.deepEqual(JSON.parse(readFileSync(`${root}/store.json`, 'utf8')), { version: 1 })
    for (const folder of ['', '/blobs', '/blobs/sha256', '/ingest', '/layers', '/layers/sha256', '/leases', '/locks'])
      assert.equal(modeOf(root + folder), 0o700, folder)
    for (const file of ['oci-layout', 'index.json', 'store.json']) assert.equal(modeOf(`${root}/${file}`), 0o600, file)
  })

  test('leaves alone what is there', () => {
    openStore(root)
    writeFileSync(`${root}/index.json`, '{"schemaVersion":2,"manifests":[],"mine":1}')
    mkdirSync(`${root}/containers`)
    openStore(root)
    assert.equal(readFileSync(`${root}/index.json`, 'utf8'), '{"schemaVersion":2,"manifests":[],"mine":1}')
    assert.ok(existsSync(`${root}/containers`))
  })

  test('takes the rights of others away', () => {
    openStore(root)
    for (const folder of ['', '/blobs', '/layers']) chmodSync(root + folder, 0o755)
    openStore(root)
    for (const folder of ['', '/blobs', '/layers']) assert.equal(modeOf(root + folder), 0o700, folder)
  })

  test('refuses a newer version, and leaves it as it was', () => {
    openStore(root)
    writeFileSync(`${root}/store.json`, '{"version":2}')
    rmSync(`${root}/leases`, { recursive: true })
    assert.throws(() => openStore(root), { kind: 'failed-precondition', message: /is of version 2, this program knows 1/ })
    assert.ok(!existsSync(`${root}/leases`))
  })

  test('refuses links and files in the place of its folders', () => {
    openStore(root)
    renameSync(`${root}/blobs`, `${parent}/blobs`)
    symlinkSync(`${parent}/blobs`, `${root}/blobs`)
    assert.throws(() => openStore(root), { kind: 'failed-precondition', message: /blobs is a symbolic link/ })
    rmSync(`${root}/blobs`)
    writeFileSync(`${root}/blobs`, '')
    assert.throws(() => openStore(root), { kind: 'failed-precondition', message: /blobs is not a folder/ })
  })

  test('may itself be reached by a link', () => {
    openStore(root)
    symlinkSync(root, `${parent}/link`)
    assert.equal(openStore(`${parent}/link`).root, `${parent}/link`)
    assert.equal(modeOf(root), 0o700)
  })

  test('refuses the store of another user', { skip: requires('root') }, () => {
    openStore(root)
    process.seteuid!(65534)
    try {
      assert.throws(() => openStore(root), { kind: 'permission-denied' })
    } finally {
      process.seteuid!(0)
    }
  })

  test('for reading makes nothing', () => {
    mkdirSync(root, { recursive: true })
    for (const path of [root, `${parent}/missing`])
      assert.throws(() => openStore(path, { readonly: true }), { kind: 'not-found', message: /there is no store at/ })
    openStore(root)
    chmodSync(root, 0o755)
    const store = openStore(root, { readonly: true })
    assert.deepEqual(store.images.list(), [])
    assert.equal(modeOf(root), 0o755)
    assert.throws(() => store.lease(), { kind: 'failed-precondition', message: /for reading only/ })
  })
})
