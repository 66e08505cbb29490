/** CVE-2018-15664, CVE-2019-14271: a container that changes its files while wherry cp works on them, and one whose links lead to the machine. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Containers } from '../support/cli-containers.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')
const ROUNDS = 24
let w: Containers
let canary: string

before(async () => {
  if (skip) return
  w = await Containers.open()
  canary = w.path('canary')
  mkdirSync(canary)
  writeFileSync(`${canary}/secret`, 'secret of the machine')
  // the same path leads to something in the container as well: a link to it is what an attacker makes
  await w.startShell(
    'racer',
    `mkdir -p /work/real ${canary}; echo own > /work/real/secret; echo own > ${canary}/secret; cd /work; ln -s ${canary} link
     ln -s / root; ln -s ../../../../../../../.. up; ln -s /proc/1/root magic; ln -s /proc/self/cwd cwd
     while true; do mv real swap; mv link real; mv real link; mv swap real; done`,
  )
  for (let there = ''; !there.includes('magic'); there = (await w.run(['exec', 'racer', 'ls', '/work'])).stdout);
})
after(async () => await w?.close())

const untouched = (): void => {
  assert.deepEqual(readdirSync(canary), ['secret'])
  assert.equal(readFileSync(`${canary}/secret`, 'utf8'), 'secret of the machine')
}

test('into a folder that becomes a link and a folder again: nothing comes to the machine', { skip }, async () => {
  const source = w.path('in')
  mkdirSync(`${source}/real`, { recursive: true })
  writeFileSync(`${source}/real/attack`, 'attack')
  writeFileSync(`${source}/real/secret`, 'attack')
  let arrived = 0
  for (let round = 0; round < ROUNDS; round++) {
    const argv = round % 2 === 0 ? [`${source}/real/attack`, 'racer:/work/real/attack'] : [`${source}/.`, 'racer:/work']
    const { status, stderr } = await w.run(['cp', ...argv])
    if (status === 0) arrived++
    else
      assert.match(
        stderr,
        /there is no "real"|is no folder|no such directory|no such file|"real" is|symbolic links|EEXIST|file exists|not empty/,
      )
    untouched()
  }
  assert.ok(arrived > 0, 'some come through')
})

test('out of it: nothing of the machine comes along', { skip }, async () => {
  let arrived = 0
  for (let round = 0; round < ROUNDS; round++) {
    const out = w.path('out')
    rmSync(out, { recursive: true, force: true })
    const path = ['real/secret', 'link/secret', 'real', 'magic', 'up', 'link/.'][round % 6]
    const { status, stderr } = await w.run(['cp', '-q', '-L', `racer:/work/${path}`, out])
    if (status !== 0) {
      assert.match(stderr, /there is no|no such file|is no folder|circle/)
      continue
    }
    arrived++
    assert.equal(spawnSync('grep', ['-r', 'secret of the machine', out]).status, 1, `${path}: the machine's`)
  }
  assert.ok(arrived > 0, 'some come through')
  untouched()
})

test('onto the machine: a link that came first is not followed by what comes next', { skip }, async () => {
  const out = w.path('victim')
  mkdirSync(out)
  await w.ok('exec', 'racer', 'sh', '-c', `mkdir -p /first /second/trap; ln -s ${canary} /first/trap; echo attack > /second/trap/secret`)
  await w.ok('cp', 'racer:/first/.', out)
  assert.ok(lstatSync(`${out}/trap`).isSymbolicLink())
  assert.match(await w.fails(['cp', 'racer:/second/.', out]), /"trap" is no folder/)
  untouched()
  await w.ok('cp', '--overwrite', 'racer:/second/.', out)
  assert.ok(lstatSync(`${out}/trap`).isDirectory())
  untouched()
})

test('absolute links, and those with many .., end in the container', { skip }, async () => {
  writeFileSync(w.path('mark'), 'mark')
  for (const name of ['root', 'up']) {
    await w.ok('cp', w.path('mark'), `racer:/work/${name}/tmp/mark-${name}`)
    assert.equal((await w.ok('exec', 'racer', 'cat', `/tmp/mark-${name}`)).trim(), 'mark')
    assert.ok(!existsSync(`/tmp/mark-${name}`))
  }
  assert.match(await w.fails(['cp', w.path('mark'), 'racer:/work/cwd/mark']), /there is no|no such|no folder/)
})

test('programs and libraries of the container are not executed or loaded', { skip }, async () => {
  await w.ok(
    'exec',
    'racer',
    'sh',
    '-c',
    `mkdir -p /usr/bin /lib/x86_64-linux-gnu /usr/lib; for f in /usr/bin/tar /bin/tar /bin/cp /lib/x86_64-linux-gnu/libnss_files.so.2 /usr/lib/libc.so.6; do
       rm -f $f; printf '#!/bin/sh\\ntouch /executed\\n' > $f; chmod 755 $f; done; printf 'passwd: evil\\n' > /etc/nsswitch.conf`,
  )
  await w.ok('cp', '--chown', 'user', w.path('mark'), 'racer:/tmp/by-name')
  await w.ok('cp', 'racer:/usr', w.path('usr'))
  assert.equal((await w.run(['exec', 'racer', 'ls', '/executed'])).status, 1)
  assert.ok(!existsSync('/executed'))
})

test('an archive on stdin does not lead out of its folder', { skip }, async () => {
  const { tarOf } = await import('../support/images.ts')
  const bad = {
    'a-parent': [{ name: '../escaped', content: 'x' }],
    'a-link-out': [
      { name: 'l', type: 'symlink', linkname: canary },
      { name: 'l/attack', content: 'x' },
    ],
    'a-hard-link-out': [{ name: 'h', type: 'link', linkname: `..${canary}/secret` }],
  } as const
  for (const [name, entries] of Object.entries(bad)) {
    await w.ok('exec', 'racer', 'mkdir', `/tmp/${name}`)
    const { status } = await w.run(['cp', '-', `racer:/tmp/${name}`], { stdin: w.file(`${name}.tar`, await tarOf(entries)) })
    if (name !== 'a-link-out') assert.equal(status, 1, name)
    untouched()
  }
  assert.equal((await w.run(['exec', 'racer', 'ls', '/tmp/escaped'])).status, 1)
})
