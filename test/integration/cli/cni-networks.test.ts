/** Networks of CNI with Debian's plugins, in network namespaces of the test's own. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { mountsOf } from '../../support/leftovers.ts'
import { MACHINE, NetworkedWherry } from '../../support/private-network.ts'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'

/** A plugin that writes down what it is called with, and does as the files beside it say. */
const SPY = `#!/bin/sh
here=$(dirname "$0")
stdin=$(cat)
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_ARGS $stdin" >>"$here/calls"
[ "$CNI_COMMAND" = DEL ] && [ -e "$CNI_NETNS" ] && echo kept >>"$here/netns"
if [ -e "$here/again" ] && [ "$CNI_COMMAND" = DEL ]; then
  rm "$here/again"
  echo '{"cniVersion":"1.0.0","code":11,"msg":"busy"}'
  exit 1
fi
if [ -e "$here/fail" ] && [ "$CNI_COMMAND" = ADD ]; then
  echo '{"cniVersion":"1.0.0","code":999,"msg":"no more addresses","details":"ask the people upstairs"}'
  exit 1
fi
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion":"1.0.0","ips":[{"address":"10.99.0.9/24","gateway":"10.99.0.1"}]}'
exit 0
`

describe('CNI networks', { skip: requires('root', 'busybox', 'cni-plugins', 'iptables') }, () => {
  let wherry: NetworkedWherry
  let folder: string

  before(() => {
    folder = mkdtempSync(`${tmpdir()}/${MARK}-cni-`)
    for (const name of ['net.d', 'bin', 'leases']) mkdirSync(join(folder, name))
    wherry = new NetworkedWherry({
      WHERRY_CNI_CONFIG: join(folder, 'net.d'),
      WHERRY_CNI_PLUGINS: `${folder}/bin:/opt/cni/bin:/usr/lib/cni`,
    })
    writeFileSync(join(folder, 'bin/spy'), SPY)
    chmodSync(join(folder, 'bin/spy'), 0o755)
    const ipam = {
      type: 'host-local',
      dataDir: join(folder, 'leases'),
      ranges: [[{ subnet: '10.98.0.0/24' }]],
      routes: [{ dst: '0.0.0.0/0' }],
    }
    const bridge = {
      type: 'bridge',
      bridge: 'cni-test',
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      capabilities: { ips: true, mac: true },
      ipam,
    }
    write('real', [bridge, { type: 'portmap', capabilities: { portMappings: true }, snat: true }, { type: 'tuning' }])
    write('spied', [{ type: 'spy', capabilities: { bandwidth: true } }], '1.1.0')
  })
  after(async () => {
    await wherry.close()
    rmSync(folder, { recursive: true })
  })

  const write = (name: string, plugins: readonly object[], cniVersion = '1.0.0'): void =>
    writeFileSync(join(folder, 'net.d', `${name}.conflist`), JSON.stringify({ cniVersion, name, plugins }))
  const calls = (): string => (existsSync(join(folder, 'bin/calls')) ? readFileSync(join(folder, 'bin/calls'), 'utf8') : '')

  test('a configuration is a network: addresses, routes, names, published ports', async () => {
    assert.equal(await wherry.ok('network', 'ls', '--filter', 'driver=cni', '--format', '{{.Name}}'), 'real\nspied\n')
    const id = await wherry.serve('web', 'by cni', '--network', 'real', '-p', '8088:80')
    assert.equal(await wherry.answer('10.98.0.2', 80), 'by cni')
    assert.equal(await wherry.answer(MACHINE, 8088, wherry.world), 'by cni')
    assert.match(await wherry.ok('exec', 'web', 'ip', 'route'), /^default via 10\.98\.0\.1 dev eth0/m)
    assert.match(await wherry.ok('exec', 'web', 'cat', '/etc/hosts'), new RegExp(`^10\\.98\\.0\\.2\t${id.slice(0, 12)} web`, 'm'))
    assert.match(await wherry.ok('network', 'inspect', '--format', '{{json .Containers}}', 'real'), /"IPv4Address":"10\.98\.0\.2"/)
    const said = await wherry.fails(['run', '-p', '8088:80', '--network', 'real', '--rootfs', wherry.rootfs, 'true'], 125)
    assert.match(said, /port 0\.0\.0\.0:8088\/tcp is in use/)
    await wherry.ok('rm', '-f', 'web')
    assert.doesNotMatch(await wherry.beside(['ip', 'link']), /veth/)
    assert.doesNotMatch(await wherry.beside(['iptables-save']), /10\.98\.0\.2/)
    assert.equal(existsSync(join(folder, 'leases/real/10.98.0.2')), false, 'its lease is given back')
    assert.deepEqual(mountsOf(wherry.path('run')), [], 'its namespace is not kept any longer')
    assert.match(await wherry.fails(['network', 'rm', 'real']), /network real is CNI's/)
  })

  test('wanted addresses are for plugins that can', async () => {
    const shown = await wherry.start(['--rm', '--network', 'real:ip=10.98.0.50,mac=02:00:00:00:00:50'], 'ip', 'address', 'show', 'eth0')
    assert.match(shown, /inet 10\.98\.0\.50\/24/)
    assert.match(shown, /ether 02:00:00:00:00:50/)
    const said = await wherry.fails(['run', '--rm', '-p', '80', '--network', 'spied', '--rootfs', wherry.rootfs, 'true'], 125)
    assert.match(said, /the CNI network spied cannot publish ports: no plugin of its list has the capability portMappings/)
  })

  test('DEL has the result of ADD and the namespace, and is tried again where a plugin asks for that', async () => {
    writeFileSync(join(folder, 'bin/again'), '')
    await wherry.start(['--rm', '--network', 'spied', '--annotation', 'kubernetes.io/ingress-bandwidth=10M'], 'true')
    const [add, first, second, ...none] = calls().trim().split('\n')
    assert.match(add!, /^ADD [0-9a-f]{64} eth0 IgnoreUnknown=1 .*"runtimeConfig":\{"bandwidth":\{"ingressRate":10000000,/)
    for (const line of [first!, second!]) assert.match(line, /^DEL [0-9a-f]{64} eth0 .*"prevResult":\{.*"address":"10\.99\.0\.9\/24"/)
    assert.deepEqual(none, [])
    assert.equal(readFileSync(join(folder, 'bin/netns'), 'utf8'), 'kept\nkept\n')
    assert.equal(
      existsSync(`${wherry.path('run')}/cni`) && readFileSync('/proc/self/mountinfo', 'utf8').includes(wherry.path('run')),
      false,
    )
  })

  test("a failing plugin's own words are told, and what was done is undone", async () => {
    rmSync(join(folder, 'bin/calls'))
    writeFileSync(join(folder, 'bin/fail'), '')
    const said = await wherry.fails(
      ['run', '--name', 'failed', '--network', 'real', '--network', 'spied', '--rootfs', wherry.rootfs, 'true'],
      125,
    )
    assert.match(said, /CNI plugin spy, ADD: no more addresses \(ask the people upstairs\)/)
    assert.match(calls(), /^ADD .*\nDEL .*\n$/)
    assert.equal(await wherry.ok('ps', '-a', '-q', '--filter', 'name=failed'), '')
    assert.doesNotMatch(await wherry.beside(['ip', 'link']), /veth/)
    rmSync(join(folder, 'bin/fail'))
  })

  test('what is broken or missing is named', async () => {
    write('strange', [{ type: 'no-such-plugin' }])
    write('old', [{ type: 'bridge' }], '0.1.0')
    write('evil', [{ type: '../../bin/sh' }])
    const fails = (name: string): Promise<string> =>
      wherry.fails(['run', '--rm', '--network', name, '--rootfs', wherry.rootfs, 'true'], 125)
    assert.match(await fails('strange'), /there is no CNI plugin no-such-plugin in .*containernetworking-plugins/)
    assert.match(await fails('old'), /old\.conflist: cniVersion \["0\.1\.0"\] is none of/)
    assert.match(await fails('evil'), /plugins\[0\]\.type: "\.\.\/\.\.\/bin\/sh" is no name of a plugin/)
  })
})
