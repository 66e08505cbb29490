/** Volumes, by the real program. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { mountsOf } from '../../support/leftovers.ts'
import { NetworkedWherry } from '../../support/private-network.ts'
import { requires } from '../../support/requires.ts'

describe('volumes', { skip: requires('root', 'busybox') }, () => {
  let wherry: NetworkedWherry

  before(() => {
    wherry = new NetworkedWherry()
    const data = join(wherry.rootfs, 'data')
    mkdirSync(join(data, 'sub'), { recursive: true })
    writeFileSync(join(data, 'file'), 'of the image\n')
    chownSync(join(data, 'file'), 1000, 100)
    chmodSync(join(data, 'file'), 0o4750)
    utimesSync(join(data, 'file'), 1_000_000_000, 1_000_000_000)
    symlinkSync('/etc/passwd', join(data, 'link'))
    chownSync(data, 7, 8)
    chmodSync(data, 0o1770)
  })
  after(() => wherry.close())

  const run = (mount: string, ...argv: readonly string[]): Promise<string> =>
    wherry.start(['--rm', '--network', 'none', '--mount', mount], ...argv)
  const folder = (name: string): string => join(wherry.root, 'volumes', name, '_data')
  const names = async (...flags: readonly string[]): Promise<string[]> =>
    (await wherry.ok('volume', 'ls', '-q', ...flags)).split('\n').filter((name) => name !== '')

  test('a new one gets what the image has there, as it is; then it is as containers left it', async () => {
    const script = 'stat -c "%a %u %g %Y %n" /data /data/file; cat /data/file; readlink /data/link; echo changed >/data/file; rm /data/link'
    assert.equal(
      await run('type=volume,source=kept,target=/data', 'sh', '-c', script).then((text) => text.replace(/^1770 7 8 \d+/, '1770 7 8')),
      '1770 7 8 /data\n4750 1000 100 1000000000 /data/file\nof the image\n/etc/passwd\n',
    )
    assert.equal(await run('type=volume,source=kept,target=/data', 'sh', '-c', 'cat /data/file; ls /data'), 'changed\nfile\nsub\n')
    assert.equal(readFileSync(join(wherry.rootfs, 'data/file'), 'utf8'), 'of the image\n')
  })

  test('with nocopy, and where the image has nothing, it is empty', async () => {
    assert.equal(await run('type=volume,source=bare,target=/data,volume-nocopy', 'ls', '/data'), '')
    assert.equal(await run('type=volume,source=nothing,target=/elsewhere', 'ls', '/elsewhere'), '')
    assert.equal(statSync(folder('nothing')).mode & 0o7777, 0o755)
  })

  test('a folder below it is mounted; one that is not there is named', async () => {
    mkdirSync(join(folder('kept'), 'sub/deep'))
    writeFileSync(join(folder('kept'), 'sub/deep/found'), '')
    assert.equal(await run('type=volume,source=kept,target=/mnt,volume-subpath=sub/deep', 'ls', '/mnt'), 'found\n')
    const argv = [
      'run',
      '--rm',
      '--network',
      'none',
      '--mount',
      'type=volume,source=kept,target=/mnt,volume-subpath=nowhere',
      '--rootfs',
      wherry.rootfs,
      'true',
    ]
    assert.match(await wherry.fails(argv, 125), /has no nowhere/)
  })

  test('one that a container has is not removed, and says whose it is', async () => {
    await wherry.ok('create', '--name', 'owner', '--network', 'none', '-v', 'kept:/data', '--rootfs', wherry.rootfs, 'true')
    assert.match(
      await wherry.fails(['volume', 'rm', 'kept']),
      /volume kept is in use by owner \([0-9a-f]{12}\): remove that container first/,
    )
    assert.ok(existsSync(join(folder('kept'), 'file')))
    await wherry.ok('rm', 'owner')
    assert.equal(await wherry.ok('volume', 'rm', 'kept', 'bare', 'nothing'), 'kept\nbare\nnothing\n')
    assert.equal(existsSync(join(wherry.root, 'volumes/kept')), false)
    assert.match(await wherry.fails(['volume', 'rm', 'kept']), /there is no volume "kept"/)
    assert.equal(await wherry.ok('volume', 'rm', '--force', 'kept'), 'kept\n')
  })

  test('those without a name go with their container where that is wanted', async () => {
    await wherry.start(['--rm', '--network', 'none', '-v', '/data'], 'true')
    assert.deepEqual(await names(), [])
    for (const name of ['one', 'two']) await wherry.start(['--name', name, '--network', 'none', '-v', '/data'], 'true')
    const before = await names()
    assert.equal(before.length, 2)
    await wherry.ok('rm', '--volumes', 'one')
    assert.equal((await names()).length, 1)
    await wherry.ok('rm', 'two')
    assert.deepEqual(await names('--filter', 'dangling=true'), await names())
    await wherry.ok('volume', 'create', 'named')
    const said = await wherry.ok('volume', 'prune', '--force')
    assert.match(said, /^Deleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: \d/)
    assert.deepEqual(await names(), ['named'])
    assert.match(await wherry.ok('volume', 'prune', '--force', '--all'), /^Deleted Volumes:\nnamed\n/)
  })

  test('lists, labels, formats and filters', async () => {
    assert.equal(await wherry.ok('volume', 'create', '--label', 'tier=one', 'shown'), 'shown\n')
    assert.equal(await wherry.ok('volume', 'create', 'shown'), 'shown\n', 'there already')
    assert.match(await wherry.ok('volume', 'create'), /^[0-9a-f]{64}\n$/)
    assert.deepEqual(await names('--filter', 'label=tier=one'), ['shown'])
    assert.equal(
      await wherry.ok('volume', 'ls', '--filter', 'name=how', '--format', '{{.Driver}} {{.Name}} {{.Labels}}'),
      'local shown tier=one\n',
    )
    const [value] = JSON.parse(await wherry.ok('volume', 'inspect', 'shown')) as [Readonly<Record<string, unknown>>]
    assert.equal(value['Mountpoint'], folder('shown'))
    assert.deepEqual(value['Labels'], { tier: 'one' })
    await wherry.ok('volume', 'prune', '--all', '--force')
  })

  test('a folder of the machine may stand for its files', async () => {
    const device = wherry.path('device')
    mkdirSync(device)
    await wherry.ok('volume', 'create', '-o', 'type=none', '-o', 'o=bind', '-o', `device=${device}`, 'bound')
    await run('type=volume,source=bound,target=/data', 'touch', '/data/here')
    assert.ok(existsSync(join(device, 'here')))
    await wherry.ok('volume', 'rm', 'bound')
    assert.ok(existsSync(join(device, 'here')), 'it is not the volume’s to be removed')
  })

  test('a tmpfs is shared by those who run with it, and gone after them', async () => {
    await wherry.ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m,uid=5', 'memory')
    for (const name of ['one', 'two']) await wherry.start(['-d', '--name', name, '--network', 'none', '-v', 'memory:/m'], 'sleep', '1000')
    await wherry.ok('exec', 'one', 'touch', '/m/x')
    assert.equal(await wherry.ok('exec', 'two', 'stat', '-c', '%n %u', '/m', '/m/x'), '/m 5\n/m/x 0\n')
    assert.equal(await wherry.ok('exec', 'two', 'stat', '-f', '-c', '%T', '/m'), 'tmpfs\n')
    await wherry.ok('rm', '-f', 'one')
    assert.equal(await wherry.ok('exec', 'two', 'ls', '/m'), 'x\n')
    await wherry.ok('rm', '-f', 'two')
    assert.deepEqual(mountsOf(wherry.root), [])
    await wherry.ok('volume', 'rm', 'memory')
  })

  test('what cannot be is refused with the reason', async () => {
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [['../up'], /volume name/],
      [['-o', 'colour=red', 'x'], /"colour" is none of type, device, o/],
      [['-o', 'type=tmpfs', 'x'], /device is missing/],
      [['-o', 'o=bind', '-o', 'device=relative', 'x'], /"relative" is no absolute path/],
      [['-o', 'o=bind,ro', '-o', 'device=/tmp', 'x'], /say ro and others where the volume is mounted/],
    ]
    for (const [argv, reason] of refused) assert.match(await wherry.fails(['volume', 'create', ...argv]), reason, argv.join(' '))
    assert.deepEqual(await names(), [])
  })

  test('of many who start with a new one all see the same, and it is filled once', async () => {
    const script = 'cat /data/file; echo more >>/data/file'
    const outputs = await Promise.all(Array.from({ length: 6 }, () => run('type=volume,source=raced,target=/data', 'sh', '-c', script)))
    assert.equal(
      outputs.every((text) => text.startsWith('of the image\n')),
      true,
    )
    assert.equal(readFileSync(join(folder('raced'), 'file'), 'utf8'), `of the image\n${'more\n'.repeat(6)}`)
    await wherry.ok('volume', 'rm', 'raced')
  })
})
