/** Layers, upper folders and paths of a root filesystem that an attacker has prepared: none leads to the host, and no mark of overlay's is believed. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { test } from 'node:test'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { WherryError } from '../../runtime/errors.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { assertUnseen, canary } from '../support/attack.ts'
import { inUserNamespace } from '../support/config.ts'
import { Layered } from '../support/layered.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

const setMark = (path: string, name: string, value: string): void => {
  syscall('lsetxattr', [path, `trusted.overlay.${name}`, Buffer.from(value), value.length, 0])
}

test('a layer, or the upper folder, that was replaced by a link is refused', { skip }, async (t) => {
  const { folder } = canary(t)
  const box = new Layered(t, 'true')
  const layer = box.layer()
  rmSync(layer, { recursive: true })
  symlinkSync(folder, layer)
  for (const path of [layer, `${layer}/`, `${layer}/.`]) {
    const lowers = [box.lowers[0]!, path]
    for (const way of ['append', 'program'] as const)
      await assert.rejects(openRootfs({ ...box.description, lowers }, { folder: box.folder, way }), {
        kind: 'failed-precondition',
        message: /^layer 2 of 2 must be a directory, not a symbolic link/,
      })
  }
  box.lowers.pop()
  for (const [which, name] of [
    ['upper', 'upper folder'],
    ['work', 'work folder'],
  ] as const) {
    symlinkSync(folder, box[which])
    await assert.rejects(box.create({ ...box.description, [which]: `${box[which]}/` }), {
      kind: 'failed-precondition',
      message: new RegExp(`^${name} must be a directory, not a symbolic link`),
    })
    unlinkSync(box[which])
    rmSync(box.upper, { recursive: true, force: true })
  }
})

test('a layer that is swapped for a link while it is mounted', { skip }, async (t) => {
  const { folder } = canary(t)
  const box = new Layered(t, 'true')
  const layer = box.layer({ mine: '' })
  symlinkSync(folder, `${layer}-link`)
  const swap = `
    import { syscall } from ${JSON.stringify(import.meta.resolve('../../runtime/sys/syscall.ts'))}
    console.log('begun')
    for (;;) syscall('renameat2', [-100, ${JSON.stringify(layer)}, -100, ${JSON.stringify(`${layer}-link`)}, 2])`
  const attacker = spawn(process.execPath, ['--input-type=module', '-e', swap], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(attacker.stdout, 'data')
  let [made, refused] = [0, 0]
  try {
    for (let round = 0; round < 300; round += 1)
      try {
        const fd = await openRootfs({ lowers: box.lowers }, { folder: box.folder, way: round % 2 === 0 ? 'append' : 'program' })
        const names = readdirSync(`/proc/self/fd/${fd}`)
        closeSync(fd)
        assert.ok(names.includes('mine') && !names.includes('canary'), names.join(' '))
        made += 1
      } catch (error) {
        if (!(error instanceof WherryError) && !isErrno(error, 'ENOTDIR', 'ELOOP')) throw error
        refused += 1
      }
  } finally {
    attacker.kill('SIGKILL')
  }
  assert.ok(made > 0 && refused > 0, `${made} made, ${refused} refused: the attacker was not there`)
})

test('links in layers lead nowhere but into the root', { skip }, async (t) => {
  const found = canary(t)
  const box = new Layered(
    t,
    'cat /etc/canary /up/canary 2>&1 || :; echo written > /etc/new && cat /etc/new; ls -d /link/below',
    ({ mounts }) => {
      mounts.push({ destination: '/link/below', type: 'tmpfs', source: 'tmpfs' })
    },
  )
  const layer = box.layer()
  symlinkSync(found.folder, `${layer}/etc`)
  symlinkSync(`../../../../../../..${found.folder}`, `${layer}/up`)
  symlinkSync(found.folder, `${layer}/link`)
  const text = await box.run()
  assertUnseen(found, text)
  const [etc, up, ...rest] = text.split('\n')
  assert.match(`${etc}; ${up}`, /^cat: can't open '\/etc\/canary'.*; cat: can't open '\/up\/canary'/)
  assert.deepEqual(rest, ['written', '/link/below'])
  assert.equal(readFileSync(`${box.upper}${found.folder}/new`, 'utf8'), 'written\n')
})

test('a root that is all links: /proc, /dev, /sys of the image', { skip }, async (t) => {
  const found = canary(t)
  const box = new Layered(t, 'true')
  const layer = box.layer()
  for (const name of ['proc', 'dev']) {
    syscall('mknodat', [-100, `${layer}/${name}`, 0o20000, 0])
    const top = `${box.folder}/layers/top-${name}`
    mkdirSync(top)
    symlinkSync(found.folder, `${top}/${name}`)
    await assert.rejects(box.create({ lowers: [...box.lowers, top] }), new RegExp(`/${name}`))
    unlinkSync(`${layer}/${name}`)
  }
  box.box.assertNothingLeft()
})

test('marks of overlay that come with a layer are not followed: redirects, metadata without content', { skip }, async (t) => {
  const box = new Layered(t, 'exec 2>&1; ls -A /moved /file; cat /file; cat /other || :')
  const low = box.layer({ 'hidden/secret': 'secret of another layer\n', file: 'lower file\n' })
  box.layer({ 'hidden-too': '' })
  const high = box.layer({ file: '', other: '' })
  mkdirSync(`${high}/moved`)
  setMark(`${high}/moved`, 'redirect', '/hidden')
  setMark(`${high}/other`, 'redirect', '/hidden/secret')
  setMark(`${high}/other`, 'metacopy', '')
  const text = await box.run()
  const lines = ['ls: /moved: Operation not permitted', '/file', "cat: can't open '/other': Operation not permitted"]
  assert.deepEqual(text.split('\n'), lines)
  assert.equal(readFileSync(`${low}/hidden/secret`, 'utf8'), 'secret of another layer\n')
})

test('whiteouts hide what is below, are not seen themselves, and cannot be made by a container', { skip }, async (t) => {
  for (const nested of [false, true]) {
    const script = 'ls -A /etc /gone 2>&1; mknod /tmp/whiteout c 0 0 2>&1 || :; ls -A /tmp; cat /etc/secret 2>&1 || :'
    const box = new Layered(t, script, (config) => {
      if (nested) inUserNamespace(config)
    })
    box.layer({ 'etc/secret': 'secret\n', 'gone/below': 'secret\n' })
    const layer = box.layer()
    mkdirSync(`${layer}/etc`)
    for (const name of ['etc/secret', 'gone']) assert.equal(spawnSync('mknod', [`${layer}/${name}`, 'c', '0', '0']).status, 0)
    const text = await box.run()
    const lines = [
      'ls: /gone: No such file or directory',
      ...['/etc:', 'group', 'passwd'],
      'mknod: /tmp/whiteout: Operation not permitted',
      "cat: can't open '/etc/secret': No such file or directory",
    ]
    assert.deepEqual(text.split('\n'), lines, nested ? 'in a user namespace' : '')
  }
})

test('what an earlier run has left in the upper folder is as hostile as the image', { skip }, async (t) => {
  const found = canary(t)
  const box = new Layered(t, `rm -r /etc /mnt; ln -s ${found.folder} /etc; ln -s ${found.folder} /mnt; ln -s ${found.folder} /tmp/link`)
  await box.run()
  box.box.config.process.args = ['sh', '-c', `echo $HOME; ls -A ${found.folder} /mnt/below 2>&1 || :`]
  box.box.config.process.env = ['PATH=/bin']
  box.box.config.mounts.push({ destination: '/mnt/below', type: 'tmpfs', source: 'tmpfs' })
  const text = await box.run()
  assertUnseen(found, text)
  // made beneath the root, at the path that the link names there
  assert.ok(lstatSync(`${box.upper}${found.folder}/below`).isDirectory())
})

test('renames of folders of a layer copy instead of leaving a mark to follow', { skip }, async (t) => {
  const box = new Layered(t, 'mv /from /to && cat /to/file')
  box.layer({ 'from/file': 'content\n' })
  assert.equal(await box.run(), 'content')
  assert.equal(readFileSync(`${box.upper}/to/file`, 'utf8'), 'content\n')
  const value = Buffer.alloc(64)
  assert.ok(trySyscall('lgetxattr', `${box.upper}/to`, 'trusted.overlay.redirect', value, value.length) < 0)
})
