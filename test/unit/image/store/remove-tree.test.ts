import assert from 'node:assert/strict'
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { closeSync, openSync } from 'node:fs'
import { takeCensus } from '../../../../image/store/census.ts'
import { removeTree } from '../../../../image/store/remove-tree.ts'
import { syscall } from '../../../../runtime/sys/syscall.ts'

describe('trees', () => {
  let parent: string
  let tree: string
  beforeEach(() => {
    parent = mkdtempSync(`${tmpdir()}/wherry-tree-`)
    tree = `${parent}/tree`
    mkdirSync(tree)
  })
  afterEach(() => removeTree(parent))

  test('no link is followed', async () => {
    mkdirSync(`${parent}/canary`)
    writeFileSync(`${parent}/canary/file`, 'canary')
    symlinkSync('../canary', `${tree}/relative`)
    symlinkSync(`${parent}/canary`, `${tree}/absolute`)
    symlinkSync('/', `${tree}/root`)
    linkSync(`${parent}/canary/file`, `${tree}/hard`)
    symlinkSync(tree, `${parent}/link`)
    await removeTree(tree)
    await removeTree(`${parent}/link`)
    assert.ok(!existsSync(tree))
    assert.equal(readFileSync(`${parent}/canary/file`, 'utf8'), 'canary')
  })

  test('names that are not UTF-8, folders without rights, and what is not there', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe, 0x0a])]), '')
    writeFileSync(`${tree}/..a`, '')
    writeFileSync(`${tree}/.`.concat('x'), '')
    mkdirSync(`${tree}/closed/inner`, { recursive: true })
    writeFileSync(`${tree}/closed/inner/file`, '')
    chmodSync(`${tree}/closed/inner`, 0o000)
    chmodSync(`${tree}/closed`, 0o500)
    assert.equal((await takeCensus(tree)).entries, 6)
    await removeTree(tree)
    assert.ok(!existsSync(tree))
    await removeTree(tree)
  })

  test('a tree deeper than any path, with names like ours', async () => {
    let fd = openSync(tree, 'r')
    for (let depth = 0; depth < 3000; depth++) {
      syscall('mkdirat', [fd, 'deep-0', 0o755])
      const next = syscall('openat', [fd, 'deep-0', 0o200000, 0])
      closeSync(fd)
      fd = next
    }
    closeSync(fd)
    await removeTree(tree)
    assert.ok(!existsSync(tree))
  })

  test('a census counts names, and contents once', async () => {
    mkdirSync(`${tree}/a/b`, { recursive: true })
    writeFileSync(`${tree}/a/file`, Buffer.alloc(5000))
    linkSync(`${tree}/a/file`, `${tree}/a/b/again`)
    symlinkSync('x'.repeat(100), `${tree}/link`)
    const { entries, bytes, disk } = await takeCensus(tree)
    assert.deepEqual([entries, bytes], [5, 5000])
    assert.ok(disk >= 5000 && disk % 512 === 0)
  })

  test('a census of what is not there, and one that is broken off', async () => {
    await assert.rejects(takeCensus(`${tree}/missing`), { code: 'ENOENT' })
    rmSync(tree, { recursive: true })
  })
})
