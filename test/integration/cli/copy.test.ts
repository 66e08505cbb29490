/** wherry cp, by what is there afterwards. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { after, before, test } from 'node:test'
import { WHERRY } from '../../support/cli.ts'
import { Containers } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let w: Containers

before(async () => {
  if (skip) return
  w = await Containers.open()
  await w.start('up', ['sleep', '1000'])
  await w.ok('create', '--name', 'down', '--network', 'none', 'busybox', 'sleep', '1000')
})
after(async () => await w?.close())

/** What a command in the running container prints. */
const inside = async (...argv: readonly string[]): Promise<string> => (await w.ok('exec', 'up', ...argv)).trim()

const listed = (archive: string): string[] => {
  const { status, stdout, stderr } = spawnSync('tar', ['-tvf', archive, '--numeric-owner'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout.trim().split('\n')
}

/** Runs `wherry cp … -` into a file. */
const streamed = async (...argv: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', '"$0" "$@" > stream.tar', WHERRY, 'cp', ...argv], {
    cwd: w.folder,
    env: { PATH: process.env['PATH'], ...w.env },
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout + stderr)
  return w.path('stream.tar')
}

const tree = (name: string): string => {
  const root = w.path(name)
  mkdirSync(`${root}/sub/empty`, { recursive: true })
  writeFileSync(`${root}/file`, 'content\n')
  writeFileSync(`${root}/sub/run`, '#!/bin/sh\n', { mode: 0o755 })
  symlinkSync('../file', `${root}/sub/link`)
  linkSync(`${root}/file`, `${root}/other`)
  return root
}

for (const name of ['up', 'down']) {
  test(`into a container (${name}) and out again, all of a folder is the same`, { skip }, async () => {
    const source = tree(`tree-${name}`)
    truncateSync(`${source}/sub/run`, 5_000_000)
    await w.ok('cp', source, `${name}:/tmp`)
    await w.ok('cp', `${name}:/tmp/tree-${name}`, w.path(`back-${name}`))
    const { status, stdout } = spawnSync('diff', ['-r', source, w.path(`back-${name}`)], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
    assert.equal(readlinkSync(w.path(`back-${name}/sub/link`)), '../file')
    const [file, other] = ['file', 'other'].map((one) => lstatSync(w.path(`back-${name}/${one}`)))
    assert.equal(file!.ino, other!.ino)
    assert.equal(lstatSync(w.path(`back-${name}/sub/run`)).mode & 0o777, 0o755)
    assert.equal(lstatSync(w.path(`back-${name}/sub`)).mtimeMs, lstatSync(`${source}/sub`).mtimeMs)
    assert.ok(lstatSync(w.path(`back-${name}/sub/run`)).blocks < 1000, 'holes stay holes')
  })

  test(`docker's rules for the places of things (${name})`, { skip }, async () => {
    const source = tree(`rules-${name}`)
    const has = async (path: string): Promise<boolean> => (await w.run(['cp', `${name}:${path}`, w.path('probe')])).status === 0
    await w.ok('cp', `${source}/file`, `${name}:/tmp/new-${name}`)
    assert.ok(await has(`/tmp/new-${name}`), 'a file to a name that is not there')
    await w.ok('cp', `${source}/file`, `${name}:/tmp`)
    assert.ok(await has('/tmp/file'), 'a file into a folder')
    assert.match(await w.fails(['cp', `${source}/file`, `${name}:/tmp/missing/`]), /no such directory/)
    assert.match(await w.fails(['cp', `${source}/file`, `${name}:/missing/file`]), /there is no "missing" on the way there/)
    await w.ok('cp', source, `${name}:/tmp/fresh`)
    assert.ok(await has('/tmp/fresh/sub/run'), 'a folder to a name that is not there becomes it')
    await w.ok('cp', source, `${name}:/tmp/fresh`)
    assert.ok(await has(`/tmp/fresh/rules-${name}/sub/run`), 'a folder into a folder')
    await w.ok('cp', `${source}/sub/.`, `${name}:/tmp/fresh`)
    assert.ok(await has('/tmp/fresh/run'), 'contents of a folder into a folder')
    assert.match(await w.fails(['cp', source, `${name}:/tmp/file`]), /is a file, which a directory cannot be copied onto/)
    assert.match(await w.fails(['cp', `${name}:/tmp/file/`, w.folder]), /"file" is no folder/)
    assert.match(await w.fails(['cp', `${name}:/nothing`, w.folder]), /no such file or directory/)
    assert.match(await w.fails(['cp', `${source}/.`, `${name}:/tmp/file`]), /cannot be copied onto/)
  })

  test(`a folder does not replace a file, nor a file a folder, unless it is wanted (${name})`, { skip }, async () => {
    const [one, two] = [w.path(`one-${name}`), w.path(`two-${name}`)]
    for (const folder of [`${one}/thing`, two]) mkdirSync(folder, { recursive: true })
    writeFileSync(`${one}/thing/in`, 'in')
    writeFileSync(`${two}/thing`, 'file')
    await w.ok('cp', `${one}/.`, `${name}:/tmp/clash`)
    assert.match(await w.fails(['cp', `${two}/.`, `${name}:/tmp/clash`]), /"thing" is a folder, .*--overwrite/)
    await w.ok('cp', '--overwrite', `${two}/.`, `${name}:/tmp/clash`)
    assert.match(await w.fails(['cp', `${one}/.`, `${name}:/tmp/clash`]), /"thing" is no folder, .*--overwrite/)
    await w.ok('cp', '--overwrite', `${one}/.`, `${name}:/tmp/clash`)
    await w.ok('cp', `${name}:/tmp/clash/thing/in`, w.path('in'))
    assert.equal(readFileSync(w.path('in'), 'utf8'), 'in')
  })
}

test('owners: the container’s root by default, as they are with --archive, named ones with --chown', { skip }, async () => {
  const file = w.file('owned', 'x')
  chownSync(file, 1234, 2345)
  chmodSync(file, 0o6755)
  await w.ok('cp', file, 'up:/tmp/plain')
  assert.equal(await inside('stat', '-c', '%u:%g %a', '/tmp/plain'), '0:0 755')
  await w.ok('cp', '--archive', file, 'up:/tmp/archived')
  assert.equal(await inside('stat', '-c', '%u:%g %a', '/tmp/archived'), '1234:2345 6755')
  await w.ok('cp', '--chown', '77:88', file, 'up:/tmp/chowned')
  assert.equal(await inside('stat', '-c', '%u:%g %a', '/tmp/chowned'), '77:88 755')
  assert.match(await w.fails(['cp', '--chown', 'nobody-at-all', file, 'up:/tmp/x']), /has no user of that name/)
  await w.ok('cp', 'up:/tmp/archived', w.path('out-plain'))
  await w.ok('cp', '-a', 'up:/tmp/archived', w.path('out-archived'))
  const stats = ['out-plain', 'out-archived'].map((name) => lstatSync(w.path(name)))
  assert.deepEqual(
    stats.map(({ uid, gid, mode }) => [uid, gid, mode & 0o7777]),
    [
      [0, 0, 0o755],
      [1234, 2345, 0o6755],
    ],
  )
})

test('ids of a container with a user namespace are its own', { skip }, async () => {
  await w.start('mapped', ['sleep', '1000'], ['--userns', 'auto'])
  const file = w.file('mapped', 'x')
  chownSync(file, 5, 6)
  await w.ok('cp', file, 'mapped:/tmp/plain')
  await w.ok('cp', '-a', file, 'mapped:/tmp/archived')
  const seen = await w.ok('exec', 'mapped', 'stat', '-c', '%u:%g', '/tmp/plain', '/tmp/archived')
  assert.deepEqual(seen.trim().split('\n'), ['0:0', '5:6'])
  assert.match(listed(await streamed('mapped:/tmp/archived', '-'))[0]!, / 5\/6 /)
  await w.ok('stop', '--time', '0', 'mapped')
  assert.match(listed(await streamed('mapped:/tmp/archived', '-'))[0]!, / 5\/6 /)
  await w.ok('cp', file, 'mapped:/tmp/stopped')
  await w.ok('start', 'mapped')
  assert.equal((await w.ok('exec', 'mapped', 'stat', '-c', '%u:%g', '/tmp/stopped')).trim(), '0:0')
})

test('- is a tar archive', { skip }, async () => {
  const lines = listed(await streamed('up:/etc/passwd', '-'))
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /^-rw-r--r-- 0\/0 .* passwd$/)
  const source = tree('packed')
  chownSync(`${source}/file`, 55, 66)
  assert.equal(spawnSync('tar', ['-C', w.folder, '-cf', w.path('packed.tar'), 'packed']).status, 0)
  await inside('mkdir', '-p', '/tmp/unpacked/real')
  await inside('ln', '-s', 'real', '/tmp/unpacked/alias')
  const { status, stderr } = await w.run(['cp', '-', 'up:/tmp/unpacked'], { stdin: w.path('packed.tar') })
  assert.equal(status, 0, stderr)
  assert.equal(await inside('stat', '-c', '%u:%g %h', '/tmp/unpacked/packed/file'), '55:66 2')
  assert.match(await w.fails(['cp', '-', 'up:/tmp/nowhere'], 1, { stdin: w.path('packed.tar') }), /no such directory/)
  assert.match(await w.fails(['cp', '-', 'up:/etc/passwd'], 1, { stdin: w.path('packed.tar') }), /is no directory/)
  truncateSync(w.path('packed.tar'), 700)
  assert.match(await w.fails(['cp', '-', 'up:/tmp/unpacked'], 1, { stdin: w.path('packed.tar') }), /cut off/)
  assert.deepEqual(
    (await inside('ls', '-A', '/tmp/unpacked/packed')).split('\n').filter((name) => name.startsWith('.wherry')),
    [],
  )
})

test('links are copied as links, and followed where that is wanted', { skip }, async () => {
  await inside('sh', '-c', 'mkdir -p /tmp/l; echo behind > /tmp/l/file; ln -s file /tmp/l/link; ln -s /tmp/l /tmp/l2')
  await w.ok('cp', 'up:/tmp/l/link', w.path('a-link'))
  assert.equal(readlinkSync(w.path('a-link')), 'file')
  await w.ok('cp', '-L', 'up:/tmp/l/link', w.path('a-file'))
  assert.equal(readFileSync(w.path('a-file'), 'utf8'), 'behind\n')
  await w.ok('cp', 'up:/tmp/l2/', w.path('a-folder'))
  assert.equal(readFileSync(w.path('a-folder/file'), 'utf8'), 'behind\n')
  await w.ok('cp', w.file('through', 'through'), 'up:/tmp/l2/')
  assert.equal(await inside('cat', '/tmp/l/through'), 'through')
})

test('a file that is mounted gets the content', { skip }, async () => {
  await w.ok('cp', w.file('hosts', '10.0.0.1 somewhere\n'), 'up:/etc/hosts')
  assert.equal(await inside('cat', '/etc/hosts'), '10.0.0.1 somewhere')
})

test('volumes and bind mounts are seen in one that does not run, and read-only is read-only', { skip }, async () => {
  const bound = w.path('bound')
  mkdirSync(`${bound}/inner`, { recursive: true })
  const flags = ['-v', 'vol:/data', '-v', `${bound}:/bound`, '-v', `${bound}/inner:/data/deep:ro`, '--read-only']
  await w.ok('create', '--name', 'mounts', '--network', 'none', ...flags, 'busybox', 'ls', '/data')
  const file = w.file('note', 'note')
  await w.ok('cp', file, 'mounts:/data/in-volume')
  await w.ok('cp', file, 'mounts:/bound/in-bind')
  assert.equal(readFileSync(`${bound}/in-bind`, 'utf8'), 'note')
  assert.equal(readFileSync(`${w.root}/volumes/vol/_data/in-volume`, 'utf8'), 'note')
  assert.match(await w.fails(['cp', file, 'mounts:/data/deep/x']), /read-only file system/)
  assert.match(await w.fails(['cp', file, 'mounts:/tmp/x']), /its root file system is read-only/)
  writeFileSync(`${bound}/inner/there`, '')
  const names = listed(await streamed('mounts:/data', '-')).map((line) => line.split(' ').at(-1))
  assert.deepEqual(names, ['data/', 'data/deep/', 'data/deep/there', 'data/in-volume'])
  assert.equal(await w.ok('start', '--attach', 'mounts'), 'deep\nin-volume\n')
})

test('what is the kernel’s, sockets and devices are left out, and told of unless -q is given', { skip }, async () => {
  const { stderr } = await w.run(['cp', 'up:/dev', w.path('devices')])
  assert.match(stderr, /"devices\/null" is a device: left out/)
  assert.throws(() => lstatSync(w.path('devices/null')), { code: 'ENOENT' })
  assert.equal((await w.run(['cp', '-q', 'up:/dev', w.path('devices2')])).stderr, '')
  assert.match(await w.fails(['cp', 'up:/proc/cpuinfo', w.folder]), /file of the kernel’s/)
})

test('between containers; what makes no sense is refused', { skip }, async () => {
  await w.ok('cp', 'up:/etc/passwd', 'down:/tmp/from-up')
  assert.match(listed(await streamed('down:/tmp/from-up', '-'))[0]!, /from-up$/)
  assert.match(await w.fails(['cp', 'up:/etc', 'up:/tmp']), /same container/)
  assert.match(await w.fails(['cp', '/etc/passwd', '/tmp/x']), /must be in a container/)
  assert.match(await w.fails(['cp', 'nobody:/x', '/tmp']), /there is no container "nobody"/)
  assert.match(await w.fails(['cp', '-a', '--chown', '1', '/etc/passwd', 'up:/']), /--chown/)
})
