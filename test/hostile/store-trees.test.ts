/** Layers as an attacker would have them unpacked, in a store that counts, checks and deletes them: nothing outside is touched. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { removeTree } from '../../image/store/remove-tree.ts'
import { openStore } from '../../image/store/store.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { descriptorOf } from '../support/images.ts'
import { requires } from '../support/requires.ts'
import { ALPINE, FACTS, identitiesOf, namesIn, putContent, smallImage } from '../support/store.ts'

/** Commits a layer with this content, damages nothing, removes its image; the canary is as it was. */
const deleted = async (fill: (root: string, canary: string) => void): Promise<void> => {
  const folder = mkdtempSync(`${tmpdir()}/wherry-store-`)
  try {
    const store = openStore(`${folder}/store`)
    mkdirSync(`${folder}/canary/inner`, { recursive: true })
    writeFileSync(`${folder}/canary/inner/file`, 'canary', { mode: 0o640 })
    const before = statSync(`${folder}/canary/inner/file`)
    const image = await smallImage('evil')
    const [identity] = identitiesOf(image)
    const ingest = (await store.layers.begin(identity!))!
    fill(`${ingest.folder}/root`, `${folder}/canary`)
    await ingest.commit(FACTS)
    await putContent(store, image)
    await store.images.put(ALPINE, descriptorOf(image.document))
    assert.deepEqual((await store.check()).findings, [])
    await store.usage()
    const { released } = await store.images.remove(ALPINE)
    assert.equal((await store.collect({ released })).layers, 2)
    assert.deepEqual([namesIn(store, 'ingest'), namesIn(store, 'layers/sha256')], [[], []])
    const after = statSync(`${folder}/canary/inner/file`)
    assert.equal(readFileSync(`${folder}/canary/inner/file`, 'utf8'), 'canary')
    assert.deepEqual([after.mode, after.uid, after.mtimeMs], [before.mode, before.uid, before.mtimeMs])
    assert.ok(existsSync('/etc/passwd'))
  } finally {
    await removeTree(folder)
  }
}

test('links to what is outside', () =>
  deleted((root, canary) => {
    symlinkSync(canary, `${root}/absolute`)
    symlinkSync('../../../../../../canary', `${root}/relative`)
    symlinkSync('/', `${root}/host`)
    symlinkSync('..', `${root}/up`)
    symlinkSync('.', `${root}/self`)
    mkdirSync(`${root}/folder`)
    symlinkSync(`${canary}/inner`, `${root}/folder/inner`)
    linkSync(`${canary}/inner/file`, `${root}/folder/hard`)
  }))

test('folders deeper than descriptors and paths go', () =>
  deleted((root) => {
    let fd = openSync(root, 'r')
    for (let depth = 0; depth < 1200; depth++) {
      const name = 'd'.repeat(200)
      syscall('mkdirat', [fd, name, 0o700])
      const next = syscall('openat', [fd, name, 0o200000, 0])
      closeSync(fd)
      fd = next
    }
    closeSync(fd)
  }))

test('names and rights that stop others', () =>
  deleted((root) => {
    for (const name of ['-rf', '..a', '...', ' ', '*', '\n', '\u202e', 'x'.repeat(255)]) mkdirSync(`${root}/${name}`)
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xc3, 0x28])]), 'x')
    mkdirSync(`${root}/closed/inner`, { recursive: true })
    writeFileSync(`${root}/closed/inner/file`, 'x', { mode: 0 })
    chmodSync(`${root}/closed/inner`, 0)
    chmodSync(`${root}/closed`, 0)
  }))

test('devices, FIFOs and sockets are not opened', { skip: requires('root') }, () =>
  deleted((root) => {
    const S_IFIFO = 0o010000
    const S_IFCHR = 0o020000
    syscall('mknodat', [-100, `${root}/fifo`, S_IFIFO | 0o600, 0])
    syscall('mknodat', [-100, `${root}/null`, S_IFCHR | 0o600, 0x103])
    // overlay's whiteout
    syscall('mknodat', [-100, `${root}/.gone`, S_IFCHR, 0])
  }),
)

test('a layer of twenty thousand files in one folder', () =>
  deleted((root) => {
    for (let at = 0; at < 20_000; at++) writeFileSync(`${root}/${at}`, '')
  }))
