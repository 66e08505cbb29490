/** A container’s last trick: an upper folder that cannot be removed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { removeTree, removeUpper } from '../../runtime/rootfs/remove.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { canary } from '../support/attack.ts'
import { Layered } from '../support/layered.ts'
import { requires } from '../support/requires.ts'

const folder = (t: TestContext): string => {
  const made = mkdtempSync(join(tmpdir(), 'wherry-removal-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** Folders in each other, too many for a path, each with a file, a link and a folder of its own. */
const deep = (path: string, depth: number, target: string): void => {
  mkdirSync(path)
  let at = openSync(path, 'r')
  const name = 'x'.repeat(200)
  for (let level = 0; level < depth; level += 1) {
    const here = `/proc/self/fd/${at}`
    writeFileSync(`${here}/file`, '')
    symlinkSync(target, `${here}/link`)
    mkdirSync(`${here}/moved-${level}`)
    mkdirSync(`${here}/${name}`, 0o700)
    const next = openSync(`${here}/${name}`, 'r')
    closeSync(at)
    at = next
  }
  closeSync(at)
}

test('a tree that is deeper than any path', async (t) => {
  const found = canary(t)
  const tree = `${folder(t)}/tree`
  deep(tree, 300, found.folder)
  await removeTree(tree)
  assert.ok(!existsSync(tree))
  await removeTree(tree)
})

test('names that are no text, and folders that nobody may enter', async (t) => {
  const tree = `${folder(t)}/tree`
  mkdirSync(tree)
  for (const bytes of [[0xff], [0xc3, 0x28], [0x0a, 0x1b]]) {
    const path = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(bytes), Buffer.alloc(1)])
    syscall('mkdirat', [-100, path, 0o700])
    writeFileSync(Buffer.concat([path.subarray(0, -1), Buffer.from('/below')]), '')
  }
  mkdirSync(`${tree}/locked/below`, { recursive: true })
  chmodSync(`${tree}/locked/below`, 0)
  chmodSync(`${tree}/locked`, 0)
  await removeTree(tree)
  assert.ok(!existsSync(tree))
})

test('the same without privileges', { skip: requires('root', 'public_checkout') }, (t) => {
  const home = folder(t)
  chmodSync(home, 0o777)
  const module = import.meta.resolve('../../runtime/rootfs/remove.ts')
  const script = `mkdir -p ${home}/upper/locked/below/more ${home}/work/work; chmod 0 ${home}/upper/locked/below ${home}/upper/locked ${home}/work/work;
    exec ${process.execPath} --input-type=module -e 'const { removeUpper } = await import(${JSON.stringify(module)}); await removeUpper({ upper: "${home}/upper", work: "${home}/work" })'`
  const { stderr } = spawnSync(
    'setpriv',
    ['--reuid', '12345', '--regid', '12345', '--clear-groups', '--inh-caps=-all', 'sh', '-c', script],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(stderr, '')
  assert.ok(!existsSync(`${home}/upper`) && !existsSync(`${home}/work`))
})

test('what a container has made of its root', { skip: requires('root', 'busybox') }, async (t) => {
  const found = canary(t)
  const chain = Array.from({ length: 10 }, () => 'y'.repeat(200)).join('/')
  const nest = `for i in 1 2 3; do mkdir -p /$i/${chain}; ln -s ${found.folder} /$i/${chain}/link; done; mv /1 /2/${chain}; mv /2 /3/${chain}`
  const box = new Layered(t, `ln -s ${found.folder} /link; ${nest}; chmod 0 /etc; echo done`)
  assert.equal(await box.run(), 'done')
  await assert.rejects(rm(box.upper, { recursive: true }), { code: 'ENAMETOOLONG' })
  await removeUpper(box)
  assert.ok(!existsSync(box.upper) && !existsSync(box.work))
})
