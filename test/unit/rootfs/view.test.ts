/** Layers looked at before they are mounted: the same answers that overlay gives. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { followInRoot } from '../../../runtime/container/follow.ts'
import { homeOf } from '../../../runtime/container/passwd.ts'
import { openRootfs } from '../../../runtime/rootfs/open.ts'
import { folderView, mergedView, type RootView } from '../../../runtime/rootfs/view.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { requires } from '../../support/requires.ts'

const folder = (t: TestContext): string => {
  const made = mkdtempSync(join(tmpdir(), 'wherry-view-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

const file = (path: string, text = ''): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** All paths below the root, with the type of each. */
const walk = (view: RootView, path = ''): string[] =>
  view.names(path === '' ? '.' : path).flatMap((name) => {
    const at = path === '' ? name : `${path}/${name}`
    const stat = lstatSync(view.real(at)!)
    return [`${at} ${stat.mode.toString(8)} ${stat.isFile() ? stat.size : ''}`, ...(stat.isDirectory() ? walk(view, at) : [])]
  })

const opaque = (path: string): void => {
  syscall('lsetxattr', [path, 'trusted.overlay.opaque', Buffer.from('y'), 1, 0])
}

const whiteout = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  assert.equal(spawnSync('mknod', [path, 'c', '0', '0']).status, 0)
}

test('as overlay merges them: covered, removed, opaque, of another type', { skip: requires('root') }, async (t) => {
  const base = folder(t)
  const lowers = ['0', '1', '2'].map((name) => `${base}/${name}`)
  const upper = `${base}/upper`
  for (const path of [...lowers, upper]) mkdirSync(path)
  file(`${lowers[0]}/etc/a`, 'lowest')
  file(`${lowers[0]}/etc/gone`)
  file(`${lowers[0]}/folder/below`)
  file(`${lowers[0]}/replaced/below`)
  file(`${lowers[0]}/opaque/below`)
  file(`${lowers[0]}/gone/below`)
  file(`${lowers[1]}/etc/a`, 'middle one')
  file(`${lowers[1]}/opaque/own`)
  opaque(`${lowers[1]}/opaque`)
  file(`${lowers[1]}/replaced`)
  whiteout(`${lowers[1]}/gone`)
  file(`${lowers[2]}/gone/again`)
  file(`${lowers[2]}/folder/above`)
  whiteout(`${upper}/etc/gone`)
  file(`${upper}/etc/new`)
  symlinkSync('../etc', `${upper}/folder-link`)
  const description = { lowers, upper, work: `${base}/work` }
  const fd = await openRootfs(description, { folder: base })
  try {
    const mounted = walk(folderView(`/proc/self/fd/${fd}`)).sort()
    assert.deepEqual(walk(mergedView(description, 'trusted')).sort(), mounted)
    assert.ok(mounted.some((line) => line.startsWith('gone/again ')))
    assert.ok(!mounted.some((line) => line.startsWith('gone/below ')))
  } finally {
    closeSync(fd)
  }
  assert.deepEqual(readdirSync(`${base}/work`), ['work'])
})

test('links and users of layers are found as they will be', (t) => {
  const base = folder(t)
  const lowers = ['low', 'high'].map((name) => `${base}/${name}`)
  file(`${lowers[0]}/usr/share/passwd`, 'root:x:0:0::/wrong:/bin/sh\n')
  file(`${lowers[1]}/usr/share/passwd`, 'root:x:0:0::/right:/bin/sh\n')
  mkdirSync(`${lowers[0]}/etc`)
  symlinkSync('/usr/share/passwd', `${lowers[0]}/etc/passwd`)
  symlinkSync('../../../..', `${lowers[1]}/usr/up`)
  const view = mergedView({ lowers }, 'trusted')
  assert.equal(followInRoot(view, '/etc/passwd'), 'usr/share/passwd')
  assert.equal(followInRoot(view, '/usr/up/nothing/here'), 'nothing/here')
  assert.equal(homeOf(view, 0), '/right')
  assert.equal(view.real('usr/none'), undefined)
  assert.equal(view.real('usr/share/passwd/below'), undefined)
})
