/** Names and files by which a container could write into what another one believes. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkHostName, hostsText } from '../../cli/containers/network/hosts.ts'
import { NetworkedWherry } from '../support/private-network.ts'
import { requires } from '../support/requires.ts'

test('no name ends a line of /etc/hosts or begins another field', () => {
  for (const name of ['a\n10.0.0.1 bank', 'a b', 'a\tb', 'a#b', 'a\0b', 'a\rb', '', '-a', 'a'.repeat(300), 'a\u2028b'])
    assert.throws(() => checkHostName(name), { kind: 'invalid-argument', message: /host name/ }, JSON.stringify(name))
  assert.throws(() => hostsText([{ address: '10.0.0.1', names: ['good', 'ba\nd'] }]), { kind: 'invalid-argument' })
})

describe('hostile containers and flags', { skip: requires('root', 'libnftables', 'busybox') }, () => {
  let wherry: NetworkedWherry

  before(async () => {
    wherry = new NetworkedWherry()
    await wherry.ok('network', 'create', 'shared')
  })
  after(() => wherry.close())

  const refused = async (...flags: readonly string[]): Promise<void> => {
    const { status, stderr } = await wherry.run(['run', '--rm', '--network', 'shared', ...flags, '--rootfs', wherry.rootfs, 'true'])
    assert.equal(status, 125, `${flags.join(' ')}: ${stderr}`)
  }

  test('aliases, host names and --add-host with control characters are refused', async () => {
    await refused('--network-alias', 'a\n6.6.6.6 bank')
    await refused('--hostname', 'a\n6.6.6.6 bank')
    await refused('--add-host', 'a\n6.6.6.6 bank:1.2.3.4')
    await refused('--dns-search', 'a\nnameserver 6.6.6.6')
    await refused('--dns-option', 'a\nnameserver 6.6.6.6')
    await wherry.start(['-d', '--name', 'victim', '--network', 'shared'], 'sleep', '1000')
    const { status } = await wherry.run(['network', 'connect', '--alias', 'a\n6.6.6.6 bank', 'bridge', 'victim'])
    assert.equal(status, 1)
    assert.doesNotMatch(await wherry.ok('exec', 'victim', 'cat', '/etc/hosts'), /6\.6\.6\.6/)
  })

  test('a container that swells, removes or replaces its hosts file harms nobody', async () => {
    // of its own: what is removed from a folder that another has too takes the mounts of both along
    const own = wherry.path('own/image/vandal')
    cpSync(wherry.rootfs, own, { recursive: true, verbatimSymlinks: true })
    await wherry.ok('run', '-d', '--name', 'vandal', '--network', 'shared', '--privileged', '--rootfs', own, 'sleep', '1000')
    await wherry.ok('exec', 'vandal', 'sh', '-c', 'yes >/tmp/y & head -c 600000 /dev/zero | tr "\\0" x >/etc/hosts; kill %1; rm -f /tmp/y')
    const canary = wherry.file('canary', 'untouched\n')
    await wherry.ok('exec', 'vandal', 'sh', '-c', `umount /etc/hosts; rm -f /etc/hosts; ln -s ${canary} /etc/hosts`)
    await wherry.start(['-d', '--name', 'newcomer', '--network', 'shared'], 'sleep', '1000')
    assert.match(await wherry.ok('exec', 'victim', 'cat', '/etc/hosts'), /newcomer/)
    assert.equal(readFileSync(canary, 'utf8'), 'untouched\n')
    await wherry.ok('rm', '-f', 'vandal', 'newcomer', 'victim')
  })

  test('a link in a volume leads nowhere outside of it', async () => {
    const secret = wherry.path('secret')
    mkdirSync(secret)
    writeFileSync(join(secret, 'key'), 'canary\n')
    await wherry.ok('volume', 'create', 'traps')
    const data = join(wherry.root, 'volumes/traps/_data')
    symlinkSync(secret, join(data, 'absolute'))
    symlinkSync('../../../../../../../../../..', join(data, 'up'))
    for (const subpath of ['absolute', `up${secret}`, 'up/etc']) {
      const mount = `type=volume,source=traps,target=/mnt,volume-subpath=${subpath}`
      const { status, stderr } = await wherry.run([
        'run',
        '--rm',
        '--network',
        'none',
        '--mount',
        mount,
        '--rootfs',
        wherry.rootfs,
        'ls',
        '/mnt',
      ])
      assert.equal(status, 125, subpath)
      assert.match(stderr, /it has no /, subpath)
    }
    assert.ok(existsSync(join(secret, 'key')))
  })

  test('an image’s link in the place of a volume copies nothing of the machine', async () => {
    symlinkSync('/etc', join(wherry.rootfs, 'evil'))
    symlinkSync('../../../../../../../../../../../../root', join(wherry.rootfs, 'worse'))
    for (const target of ['/evil', '/worse'])
      await wherry.start(['--rm', '--network', 'none', '-v', `copied${target.slice(1)}:${target}`], 'true')
    const passwd = join(wherry.root, 'volumes/copiedevil/_data/passwd')
    assert.equal(readFileSync(passwd, 'utf8'), readFileSync(join(wherry.rootfs, 'etc/passwd'), 'utf8'), 'the image’s own /etc')
    assert.deepEqual((await wherry.start(['--rm', '--network', 'none', '-v', 'copiedworse:/mnt'], 'ls', '-A', '/mnt')).trim(), '')
  })
})
