/** Networks of containers, by the real program, in network namespaces of the test's own. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { MACHINE, NetworkedWherry } from '../../support/private-network.ts'
import { requires } from '../../support/requires.ts'

interface Inspected {
  readonly Name: string
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway: string; readonly IPRange?: string }[] }
  readonly Containers: Readonly<Record<string, { readonly Name: string; readonly IPv4Address: string; readonly MacAddress: string }>>
}

describe('networks', { skip: requires('root', 'libnftables', 'busybox') }, () => {
  let wherry: NetworkedWherry

  before(() => {
    wherry = new NetworkedWherry()
  })
  after(() => wherry.close())

  const inspect = async (name: string): Promise<Inspected> => (JSON.parse(await wherry.ok('network', 'inspect', name)) as [Inspected])[0]
  const hosts = (container: string): Promise<string> => wherry.ok('exec', container, 'cat', '/etc/hosts')

  describe('by name', () => {
    before(() => wherry.ok('network', 'create', '--subnet', '10.77.0.0/24', '--ipv6', 'friends'))

    test('containers of a network find each other, and nobody else', async () => {
      await wherry.serve('web', 'from web', '--network', 'friends', '--network-alias', 'www')
      await wherry.serve('alone', 'from alone')
      const script = 'for name in web www alone; do busybox nc -w 2 $name 80 </dev/null 2>/dev/null || echo no $name; done'
      await wherry.answer('10.77.0.2', 80)
      assert.equal(await wherry.start(['--rm', '--network', 'friends'], 'sh', '-c', script), 'from web\nfrom web\nno alone\n')
      assert.match(await hosts('web'), /^10\.77\.0\.2\t[0-9a-f]{12} web www$/m)
    })

    test('those who come and go are written and taken away; what the container wrote itself stays', async () => {
      await wherry.ok('exec', 'web', 'sh', '-c', 'echo "10.1.1.1 mine" >>/etc/hosts')
      const id = (await wherry.start(['-d', '--name', 'guest', '--network', 'friends', '--hostname', 'visitor'], 'sleep', '1000')).trim()
      assert.match(await hosts('web'), new RegExp(`^10\\.77\\.0\\.\\d+\tguest ${id.slice(0, 12)} visitor$`, 'm'))
      await wherry.ok('rename', 'guest', 'lodger')
      assert.match(await hosts('web'), /^10\.77\.0\.\d+\tlodger /m)
      await wherry.ok('rm', '-f', 'lodger')
      assert.doesNotMatch(await hosts('web'), /guest|lodger/)
      assert.match(await hosts('web'), /^10\.1\.1\.1 mine$/m)
    })

    test('a container is connected while it runs, and for its further starts', async () => {
      await wherry.ok('network', 'connect', '--alias', 'loner', '--ip', '10.77.0.99', 'friends', 'alone')
      assert.equal(await wherry.ok('exec', 'web', 'busybox', 'nc', '-w', '2', 'loner', '80'), 'from alone\n')
      assert.match(await wherry.ok('exec', 'alone', 'ip', 'route'), /^default via 10\.88\.0\.1 dev eth0/m, 'leaves by its first network')
      assert.match(await wherry.fails(['network', 'connect', 'friends', 'alone']), /alone is in network friends already/)
      await wherry.ok('restart', '--time', '0', 'alone')
      assert.match(await wherry.ok('exec', 'alone', 'ip', '-4', '-o', 'address'), /eth1 +inet 10\.77\.0\.99/)
      assert.match(await hosts('web'), /^10\.77\.0\.99\talone /m)
      await wherry.ok('network', 'disconnect', 'bridge', 'alone')
      assert.match(await wherry.ok('exec', 'alone', 'ip', 'route'), /^default via 10\.77\.0\.1 dev eth1/m)
      await wherry.ok('network', 'disconnect', 'friends', 'alone')
      assert.doesNotMatch(await hosts('web'), /alone/)
      assert.doesNotMatch(await wherry.ok('exec', 'alone', 'ip', 'address'), /eth/)
      assert.match(await wherry.fails(['network', 'disconnect', 'friends', 'alone']), /alone is not in network friends/)
      await wherry.ok('rm', '-f', 'alone')
    })

    test('a network with a container in it is not removed, and says whose it is', async () => {
      assert.match(await wherry.fails(['network', 'rm', 'friends']), /network friends is in use by web \([0-9a-f]{12}\)/)
      const { Containers } = await inspect('friends')
      assert.deepEqual(
        Object.values(Containers).map(({ Name, IPv4Address, MacAddress }) => [Name, IPv4Address, MacAddress]),
        [['web', '10.77.0.2/24', '02:42:0a:4d:00:02']],
      )
      await wherry.ok('rm', '-f', 'web')
      assert.equal(await wherry.ok('network', 'rm', 'friends'), 'friends\n')
      assert.doesNotMatch(await wherry.beside(['ip', 'link']), /wherry-/)
      assert.match(await wherry.fails(['network', 'rm', 'friends']), /there is no network "friends"/)
      assert.match(await wherry.fails(['network', 'rm', 'bridge']), /always there/)
    })
  })

  describe('ports', () => {
    test('are reached from everywhere, at both loopback addresses too', async () => {
      await wherry.serve('open', 'served', '-p', '8080:80', '-p', '127.0.0.1:8081:80', '-p', '8090-8091:80-81')
      for (const [host, port] of [
        ['127.0.0.1', 8080],
        ['::1', 8080],
        [MACHINE, 8080],
        ['127.0.0.1', 8081],
        ['127.0.0.1', 8090],
      ] as const)
        assert.equal(await wherry.answer(host, port), 'served', `${host} ${port}`)
      assert.equal(await wherry.answer(MACHINE, 8080, wherry.world), 'served')
      assert.equal(await wherry.ask(MACHINE, 8081, wherry.world), '', 'published on the loopback address alone')
    })

    test('one in use is named, and nothing of the container remains', async () => {
      const links = (): Promise<string> => wherry.beside(['ip', '-o', 'link']).then((text) => text.replace(/[<>].*/g, ''))
      const before = await links()
      const said = await wherry.fails(['run', '--name', 'late', '-p', '9000:80', '-p', '8080:80', '--rootfs', wherry.rootfs, 'true'], 125)
      assert.match(said, /port 0\.0\.0\.0:8080\/tcp is in use on this host/)
      assert.equal(await wherry.ok('ps', '-a', '--filter', 'name=late', '-q'), '')
      assert.equal(await links(), before)
      assert.doesNotMatch(await wherry.beside(['ss', '-lnt']), /:9000/)
    })

    test('any that is free is taken, also for all that are exposed', async () => {
      await wherry.serve('free', 'any', '--network', 'bridge', '--expose', '80', '--expose', '53/udp', '-P', '-p', '70')
      const published = (await wherry.ok('port', 'free')).trim().split('\n')
      const ports = new Map(
        published.filter((line) => line.includes('0.0.0.0')).map((line) => [line.split(' ')[0], Number(line.split(':').at(-1))]),
      )
      assert.deepEqual([...ports.keys()].sort(), ['53/udp', '70/tcp', '80/tcp'])
      assert.equal(await wherry.answer('127.0.0.1', ports.get('80/tcp')!), 'any')
      assert.match(await wherry.beside(['ss', '-lnu']), new RegExp(`:${ports.get('53/udp')}`), 'really held')
      await wherry.ok('rm', '-f', 'free', 'open')
      assert.doesNotMatch(await wherry.beside(['ss', '-lntu']), /:\d/, 'all are free again')
    })

    test("a network of IPv4 alone is reached at IPv6's loopback address all the same", async () => {
      await wherry.ok('network', 'create', 'four')
      await wherry.serve('v4', 'four', '--network', 'four', '-p', '8084:80')
      assert.equal(await wherry.answer('127.0.0.1', 8084), 'four')
      assert.equal(await wherry.answer('::1', 8084), 'four')
      await wherry.ok('rm', '-f', 'v4')
      await wherry.ok('network', 'rm', 'four')
    })
  })

  describe('what is asked for', () => {
    test('addresses are given, or refused with who has them', async () => {
      await wherry.ok(
        'network',
        'create',
        '--subnet',
        '10.78.0.0/24',
        '--subnet',
        'fd00:78::/64',
        '--ip-range',
        '10.78.0.64/26',
        '-o',
        'mtu=1300',
        'exact',
      )
      const address = (name: string, ...flags: readonly string[]): Promise<string> =>
        wherry.start(['--name', name, '-d', '--network', 'exact', ...flags], 'sleep', '1000')
      await address('wanted', '--ip', '10.78.0.70', '--ip6', 'fd00:78::70', '--mac-address', '02:00:00:00:00:70')
      const shown = await wherry.ok('exec', 'wanted', 'ip', 'address', 'show', 'eth0')
      for (const part of ['inet 10.78.0.70/24', 'inet6 fd00:78::70/64', 'ether 02:00:00:00:00:70', 'mtu 1300'])
        assert.ok(shown.includes(part), part)
      await address('next')
      assert.match(await wherry.ok('exec', 'next', 'ip', 'address', 'show', 'eth0'), /inet 10\.78\.0\.71\/24/)
      const said = await wherry.fails(['run', '--network', 'exact', '--ip', '10.78.0.70', '--rootfs', wherry.rootfs, 'true'], 125)
      assert.match(said, /address 10\.78\.0\.70 of network exact is container/)
      await wherry.ok('rm', '-f', 'wanted', 'next')
      await wherry.ok('network', 'rm', 'exact')
    })

    test('several networks at once; the first that leads out is left by', async () => {
      await wherry.ok('network', 'create', '--internal', 'inner')
      await wherry.ok('network', 'create', 'outer')
      const routes = await wherry.start(['--rm', '--network', 'inner', '--network', 'outer'], 'sh', '-c', 'ip route; cat /etc/resolv.conf')
      assert.match(routes, /^default via \S+ dev eth1/m)
      assert.match(routes, /dev eth0/)
      const alone = await wherry.start(['--rm', '--network', 'inner'], 'sh', '-c', 'ip route; cat /etc/resolv.conf')
      assert.doesNotMatch(alone, /default|nameserver/)
      await wherry.ok('network', 'rm', 'inner', 'outer')
    })

    test('host, none and container:NAME', async () => {
      const links = (...flags: readonly string[]): Promise<string> => wherry.start(['--rm', ...flags], 'ip', '-o', 'link')
      assert.match(await links('--network', 'host'), /uplink/)
      const none = await links('--network', 'none')
      assert.match(none, /^1: lo: <LOOPBACK,UP,LOWER_UP>/)
      assert.equal(none.trim().split('\n').length, 1)
      await wherry.serve('shared', 'mine', '--add-host', 'known:10.3.3.3')
      await wherry.start(
        ['--rm', '--network', 'container:shared'],
        'sh',
        '-c',
        'for i in 1 2 3 4 5; do busybox nc -w 2 127.0.0.1 80 && break; sleep 0.2; done',
      )
      assert.match(await wherry.start(['--rm', '--network', 'container:shared'], 'cat', '/etc/hosts'), /^10\.3\.3\.3\tknown$/m)
      await wherry.ok('stop', '--time', '0', 'shared')
      const said = await wherry.fails(['run', '--rm', '--network', 'container:shared', '--rootfs', wherry.rootfs, 'true'], 125)
      assert.match(said, /does not run: start it first/)
      await wherry.ok('rm', 'shared')
    })

    test('files: names, servers, and those of the machine that can be reached', async () => {
      const flags = [
        '--dns',
        '192.0.2.53',
        '--dns-search',
        'one.test',
        '--dns-option',
        'ndots:3',
        '--add-host',
        'gate:host-gateway',
        '--hostname',
        'me',
        '--domainname',
        'my.test',
      ]
      const files = await wherry.start(['--rm', ...flags], 'cat', '/etc/hosts', '/etc/resolv.conf', '/etc/hostname')
      assert.match(files, /^10\.88\.0\.1\tgate$/m)
      assert.match(files, /^10\.88\.0\.\d+\tme\.my\.test me$/m)
      assert.match(files, /search one\.test\nnameserver 192\.0\.2\.53\noptions ndots:3\nme\n$/)
      const refused = await wherry.fails(
        ['run', '--rm', '--network', 'none', '--add-host', 'gate:host-gateway', '--rootfs', wherry.rootfs, 'true'],
        125,
      )
      assert.match(refused, /no way to the machine/)
    })
  })

  describe('verbs', () => {
    test('lists, formats and filters', async () => {
      await wherry.ok('network', 'create', '--label', 'tier=one', '--internal', 'listed')
      assert.match(await wherry.ok('network', 'ls'), /^NETWORK ID {5}NAME {6}DRIVER {4}SCOPE\n[0-9a-f]{12} {3}bridge {4}bridge {4}local\n/)
      assert.equal(await wherry.ok('network', 'ls', '--filter', 'label=tier=one', '--format', '{{.Name}} {{.Internal}}'), 'listed true\n')
      assert.equal(await wherry.ok('network', 'ls', '--filter', 'type=builtin', '--format', '{{.Name}}'), 'bridge\nhost\nnone\n')
      const [id] = (await wherry.ok('network', 'ls', '-q', '--filter', 'name=liste')).split('\n')
      assert.equal(
        await wherry.ok('network', 'inspect', '--format', '{{.Name}} {{.Driver}} {{index .Labels "tier"}}', id!),
        'listed bridge one\n',
      )
      assert.match(await wherry.fails(['network', 'ls', '--filter', 'nam=x']), /did you mean name/)
      assert.equal(await wherry.ok('network', 'prune', '--force', '--filter', 'label!=tier'), '')
      assert.equal(await wherry.ok('network', 'prune', '--force'), 'Deleted Networks:\nlisted\n\n')
    })

    test('what cannot be is refused with the reason', async () => {
      const refused: readonly (readonly [readonly string[], RegExp])[] = [
        [['bridge'], /there is a network bridge/],
        [['host'], /has a meaning of its own/],
        [['a/b'], /network name "a\/b"/],
        [['--driver', 'overlay', 'x'], /"overlay" is none of bridge/],
        [['--subnet', '10.0.0.1/24', 'x'], /10\.0\.0\.0\/24 is the network/],
        [['--subnet', '192.0.2.0/25', 'x'], /this machine has the address 192\.0\.2\.1\/24/],
        [['--gateway', '10.0.0.1', 'x'], /--gateway needs the --subnet/],
        [['--subnet', '10.5.0.0/24', '--gateway', '10.6.0.1', 'x'], /10\.6\.0\.1 is in none of 10\.5\.0\.0\/24/],
        [['--opt', 'colour=red', 'x'], /there is no option "colour"/],
        [['--opt', 'bridge=uplink', 'x'], /this machine has an interface uplink/],
      ]
      for (const [argv, reason] of refused) assert.match(await wherry.fails(['network', 'create', ...argv]), reason, argv.join(' '))
      assert.doesNotMatch(await wherry.ok('network', 'ls', '--format', '{{.Name}}'), /^x$/m)
      assert.match(await wherry.fails(['run', '--network', 'frends', '--rootfs', wherry.rootfs, 'true'], 125), /there is no network frends/)
    })

    test('of many who want a name one gets it; subnets never overlap', async () => {
      const same = await Promise.all(Array.from({ length: 6 }, () => wherry.run(['network', 'create', 'race'])))
      assert.equal(same.filter(({ status }) => status === 0).length, 1)
      const names = Array.from({ length: 6 }, (_, index) => `many${index}`)
      await Promise.all(names.map((name) => wherry.ok('network', 'create', name)))
      const subnets = await Promise.all([...names, 'race'].map(async (name) => (await inspect(name)).IPAM.Config[0]!.Subnet))
      assert.equal(new Set(subnets).size, 7)
      await wherry.ok('network', 'rm', ...names, 'race')
    })

    test('parallel runs get addresses of their own and leave nothing', async () => {
      const outputs = await Promise.all(
        Array.from({ length: 8 }, () => wherry.start(['--rm', '-p', '80'], 'ip', '-4', '-o', 'address', 'show', 'eth0')),
      )
      assert.equal(new Set(outputs.map((text) => /inet (\S+)/.exec(text)![1])).size, 8)
      assert.doesNotMatch(await wherry.beside(['ip', 'link']), /wh[0-9a-f]{12}/)
      assert.doesNotMatch(await wherry.beside(['ss', '-lntu']), /:\d/)
      assert.deepEqual(readdirSync(`${wherry.env['WHERRY_RUN_ROOT']}/networks/bridge`), ['lock'])
    })
  })

  test('what a killed keeper held is given back by the next who looks', async () => {
    const id = await wherry.serve('doomed', 'gone', '-p', '8085:80')
    const run = `${wherry.env['WHERRY_RUN_ROOT']}`
    assert.deepEqual(readdirSync(`${run}/networks/bridge`).sort(), [id, 'lock'])
    const { init } = JSON.parse(readFileSync(`${run}/engine/${id}/state.json`, 'utf8')) as { readonly init: { readonly pid: number } }
    const keeper = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${init.pid}/status`, 'utf8'))![1])
    process.kill(keeper, 'SIGKILL')
    process.kill(init.pid, 'SIGKILL')
    for (
      let attempt = 0;
      attempt < 50 && /Up/.test(await wherry.ok('ps', '-a', '--filter', 'name=doomed', '--format', '{{.Status}}'));
      attempt++
    )
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual(readdirSync(`${run}/networks/bridge`), ['lock'])
    assert.equal(await wherry.ask('127.0.0.1', 8085), '')
    await wherry.serve('heir', 'again', '-p', '8085:80')
    assert.equal(await wherry.answer(MACHINE, 8085, wherry.world), 'again')
    await wherry.ok('rm', '-f', 'doomed', 'heir')
  })
})
