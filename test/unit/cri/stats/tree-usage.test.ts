import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { removeTree } from '../../../../runtime/rootfs/remove.ts'
import { treeUsage } from '../../../../cri/stats/tree-usage.ts'

const folderOf = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  t.after(() => removeTree(folder))
  return folder
}

const du = (...args: string[]): number => Number(execFileSync('du', ['-s', ...args], { encoding: 'utf8' }).split('\t')[0])

test('bytes and inodes are those that du counts', async (t) => {
  const folder = folderOf(t)
  for (const name of ['a', 'a/b', 'c']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'a/file'), Buffer.alloc(100_000))
  linkSync(join(folder, 'a/file'), join(folder, 'c/same'))
  symlinkSync('/etc', join(folder, 'c/etc'))
  for (let i = 0; i < 500; i += 1) writeFileSync(join(folder, `a/b/${i}`), 'x')
  const usage = await treeUsage(folder)
  assert.equal(usage?.bytes, du('--block-size=1', folder))
  assert.equal(usage.inodes, du('--inodes', folder))
})

test('a tree deeper than paths and descriptors go', async (t) => {
  const folder = folderOf(t)
  const depth = 1500
  const own = process.cwd()
  try {
    process.chdir(folder)
    for (let i = 0; i < depth; i += 1) {
      mkdirSync('deep')
      writeFileSync('file', '')
      process.chdir('deep')
    }
  } finally {
    process.chdir(own)
  }
  const before = readdirSync('/proc/self/fd').length
  assert.equal((await treeUsage(folder))?.inodes, 2 * depth + 1)
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

test('a folder that is moved while it is counted does not lead out of the tree', async (t) => {
  const folder = folderOf(t)
  const levels = Array.from({ length: 40 }, () => 'd')
  const deep = join(folder, 'tree', ...levels)
  mkdirSync(join(deep, 'here'), { recursive: true })
  mkdirSync(join(folder, 'outside'))
  for (let i = 0; i < 3000; i += 1) writeFileSync(join(deep, 'here', `${i}`), '')
  const counted = treeUsage(join(folder, 'tree'))
  // it gives way while it counts `here`, or has done already: both must do
  await new Promise(setImmediate)
  renameSync(join(deep, 'here'), join(folder, 'outside', 'here'))
  const usage = await counted
  assert.ok(usage !== undefined && usage.inodes <= 41 + 1 + 3000, `${usage?.inodes} inodes`)
})

test('no folder: nothing; a link is not followed', async (t) => {
  const folder = folderOf(t)
  assert.equal(await treeUsage(join(folder, 'none')), undefined)
  symlinkSync('/usr', join(folder, 'link'))
  assert.equal(await treeUsage(join(folder, 'link')), undefined)
})
