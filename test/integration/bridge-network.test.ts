/** The built-in bridge, between network namespaces of the test's own: what crosses, what does not, and what is left. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Attachments, type PublishedPort } from '../../runtime/network/attachments.ts'
import { parseAddress, parsePrefix } from '../../runtime/network/address.ts'
import { attach, detach, type Host, reconcile, removeNetwork } from '../../runtime/network/bridge.ts'
import { makeSubnet, type NetworkDefinition, readNetwork, writeNetwork } from '../../runtime/network/definition.ts'
import { addAddress, addVeth, changeLink, findLink, listLinks } from '../../runtime/network/rtnetlink.ts'
import { runNft } from '../../runtime/sys/libnftables.ts'
import { inNetworkNamespace, NetlinkSocket } from '../../runtime/sys/netlink.ts'
import { makeNetns } from '../support/netns.ts'
import { requires } from '../support/requires.ts'

const definition = (name: string, bridge: string, subnets: readonly string[], internal = false): NetworkDefinition => ({
  name,
  bridge,
  subnets: subnets.map((subnet) => makeSubnet({ subnet })),
  internal,
  labels: {},
  created: '2026-01-01T00:00:00Z',
})

/** The socket is made at once, in the namespace; the rest of its life can be anywhere. */
const serve = (namespace: number, port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => {}).end(`from ${socket.remoteAddress?.replace('::ffff:', '')}`))
    server.on('error', reject)
    server.on('listening', () => resolve(server))
    inNetworkNamespace(namespace, () => server.listen(port))
  })

const CLIENT = `
const socket = require('node:net').createConnection({ host: process.argv[1], port: Number(process.argv[2]) })
socket.setTimeout(1500, () => process.exit(console.log('no answer')))
socket.on('data', (chunk) => process.stdout.write(chunk))
socket.on('error', (error) => process.exit(console.log(error.code)))`

/** What the other side says, or the error's code. */
const ask = async (namespace: number, host: string, port: number): Promise<string> => {
  const netns = `--net=/proc/${process.pid}/fd/${namespace}`
  const { stdout } = await promisify(execFile)('nsenter', [netns, process.execPath, '-e', CLIENT, host, String(port)], { timeout: 20_000 })
  return stdout.trim()
}

describe('the built-in bridge', { skip: requires('root', 'libnftables') }, () => {
  let run: string
  let namespaces: number[]
  let world: number
  let machine: number
  let host: Host
  const networks = [
    definition('bridge', 'wherry0', ['10.88.0.0/16', 'fd77:6865:7272::/64']),
    definition('other', 'wherry-other', ['10.89.0.0/24']),
    definition('inner', 'wherry-inner', ['10.90.0.0/24'], true),
  ]
  const [bridge, other, inner] = networks as [NetworkDefinition, NetworkDefinition, NetworkDefinition]
  const servers: Server[] = []

  const container = async (name: string, network: NetworkDefinition, ports: PublishedPort[] = []) => {
    const namespace = makeNetns()
    namespaces.push(namespace)
    const attachment = attach(host, { container: name, network, namespace, interface: 'eth0', ports, defaultRoute: true })
    servers.push(await serve(namespace, 80))
    return { namespace, attachment, addresses: attachment.addresses }
  }

  before(() => {
    run = mkdtempSync(join(tmpdir(), 'wherry-network-'))
    machine = makeNetns()
    world = makeNetns()
    namespaces = [machine, world]
    host = { attachments: new Attachments(run), networks: () => networks, namespace: machine }
    using here = new NetlinkSocket(machine)
    using there = new NetlinkSocket(world)
    changeLink(here, findLink(here, 'lo')!.index, { up: true })
    addVeth(here, 'uplink', { name: 'world', namespace: world }, { up: true })
    addAddress(here, findLink(here, 'uplink')!.index, parsePrefix('192.0.2.1/24'))
    addAddress(there, findLink(there, 'world')!.index, parsePrefix('192.0.2.2/24'))
    changeLink(there, findLink(there, 'world')!.index, { up: true })
  })
  after(() => {
    for (const server of servers) server.close()
    for (const namespace of namespaces) closeSync(namespace)
    rmSync(run, { recursive: true })
  })

  test('containers reach each other, the world, and published ports from everywhere', async () => {
    const one = await container('one', bridge, [{ protocol: 'tcp', hostPort: 8080, port: 80 }])
    const two = await container('two', bridge, [{ protocol: 'tcp', host: '127.0.0.1', hostPort: 8081, port: 80 }])
    servers.push(await serve(world, 7000))
    assert.deepEqual(one.addresses, ['10.88.0.2', 'fd77:6865:7272::2'])
    assert.deepEqual(two.addresses, ['10.88.0.3', 'fd77:6865:7272::3'])
    assert.equal(one.attachment.mac, '02:42:0a:58:00:02')
    assert.equal(await ask(two.namespace, '10.88.0.2', 80), 'from 10.88.0.3')
    assert.equal(await ask(two.namespace, 'fd77:6865:7272::2', 80), 'from fd77:6865:7272::3')
    assert.equal(await ask(one.namespace, '192.0.2.2', 7000), 'from 192.0.2.1', 'masqueraded')
    assert.equal(await ask(world, '192.0.2.1', 8080), 'from 192.0.2.2', 'who calls from outside is seen')
    assert.equal(await ask(machine, '127.0.0.1', 8080), 'from 10.88.0.1')
    assert.equal(await ask(machine, '192.0.2.1', 8080), 'from 192.0.2.1')
    assert.equal(await ask(machine, '127.0.0.1', 8081), 'from 10.88.0.1')
    assert.equal(await ask(world, '192.0.2.1', 8081), 'ECONNREFUSED', 'bound to the loopback address')
    assert.equal(await ask(two.namespace, '10.88.0.1', 8080), 'from 10.88.0.1', 'by the host’s address')
    assert.equal(await ask(one.namespace, '192.0.2.1', 8080), 'from 10.88.0.1', 'hairpin')
    assert.equal(await ask(machine, 'fd77:6865:7272::1', 8080), 'from fd77:6865:7272::1')
  })

  test('networks do not reach each other, but by published ports', async () => {
    const three = await container('three', other, [{ protocol: 'tcp', hostPort: 8082, port: 80 }])
    const one = host.attachments.find('bridge', 'one')!
    assert.deepEqual(three.addresses, ['10.89.0.2'])
    assert.equal(await ask(three.namespace, one.addresses[0]!, 80), 'no answer')
    assert.equal(await ask(three.namespace, '192.0.2.1', 8080), 'from 10.88.0.1')
    assert.equal(await ask(three.namespace, '192.0.2.2', 7000), 'from 192.0.2.1')
  })

  test('an internal network has no way out and none in', async () => {
    const four = await container('four', inner)
    const five = await container('five', inner)
    assert.equal(await ask(four.namespace, five.addresses[0]!, 80), 'from 10.90.0.2')
    assert.equal(await ask(four.namespace, '192.0.2.2', 7000), 'ENETUNREACH')
  })

  test('a port is one container’s only, and a failed attachment leaves nothing', () => {
    const namespace = makeNetns()
    namespaces.push(namespace)
    const before = inNetworkNamespace(machine, () => runNft('list ruleset'))
    const ports = [
      { protocol: 'tcp', hostPort: 9000, port: 1 },
      { protocol: 'tcp', hostPort: 8080, port: 80 },
    ] as const
    assert.throws(
      () => attach(host, { container: 'six', network: bridge, namespace, interface: 'eth0', ports, defaultRoute: true }),
      /nft: .*File exists/,
    )
    assert.equal(
      inNetworkNamespace(machine, () => runNft('list ruleset')),
      before,
    )
    using socket = new NetlinkSocket(machine)
    using inside = new NetlinkSocket(namespace)
    assert.equal(host.attachments.find('bridge', 'six'), undefined)
    assert.deepEqual(
      listLinks(inside).map(({ name }) => name),
      ['lo'],
    )
    assert.equal(listLinks(socket).filter(({ kind }) => kind === 'veth').length, 6, 'five containers and the uplink')
  })

  test('wanted addresses are given or refused with the holder’s name', () => {
    const wish = (text: string) => {
      const namespace = makeNetns()
      namespaces.push(namespace)
      return attach(host, {
        container: 'wish',
        network: other,
        namespace,
        interface: 'eth0',
        addresses: [parseAddress(text)],
        defaultRoute: true,
      })
    }
    assert.deepEqual(wish('10.89.0.77').addresses, ['10.89.0.77'])
    detach(host, 'wish', 'other')
    assert.throws(() => wish('10.89.0.2'), { kind: 'already-exists', message: /container three/ })
    for (const text of ['10.89.0.1', '10.89.0.0', '10.89.0.255', '10.88.0.9']) assert.throws(() => wish(text), { kind: 'invalid-argument' })
  })

  test('a network that is full says so', () => {
    const tiny = definition('tiny', 'wherry-tiny', ['10.91.0.0/30'])
    const join = (container: string) => {
      const namespace = makeNetns()
      namespaces.push(namespace)
      return attach(host, { container, network: tiny, namespace, interface: 'eth0', defaultRoute: true })
    }
    join('a')
    assert.throws(() => join('b'), { kind: 'resource-exhausted', message: /10\.91\.0\.0\/30/ })
    detach(host, 'a', 'tiny')
    assert.deepEqual(join('b').addresses, ['10.91.0.2'])
    detach(host, 'b', 'tiny')
    removeNetwork(host, tiny)
  })

  test('a definition is written and read back', () => {
    for (const network of networks) assert.deepEqual(readNetwork(JSON.parse(JSON.stringify(writeNetwork(network)))), network)
  })

  test('what dead containers left is undone, and the rules come back when somebody flushed them', async () => {
    inNetworkNamespace(machine, () => runNft('flush ruleset'))
    const seven = await container('seven', bridge, [{ protocol: 'tcp', hostPort: 8083, port: 80 }])
    assert.equal(await ask(world, '192.0.2.1', 8083), 'from 192.0.2.2')
    assert.equal(await ask(world, '192.0.2.1', 8080), 'from 192.0.2.2', 'those of the others too')
    const gone = reconcile(host, (name) => name === 'seven')
    assert.deepEqual(gone.map(({ container: name }) => name).sort(), ['five', 'four', 'one', 'three', 'two'])
    assert.equal(await ask(world, '192.0.2.1', 8080), 'ECONNREFUSED')
    assert.equal(await ask(world, '192.0.2.1', 8083), 'from 192.0.2.2')
    detach(host, 'seven', 'bridge')
    detach(host, 'seven', 'bridge')
    using inside = new NetlinkSocket(seven.namespace)
    assert.deepEqual(
      listLinks(inside).map(({ name }) => name),
      ['lo'],
    )
    for (const network of networks) removeNetwork(host, network)
    using socket = new NetlinkSocket(machine)
    assert.deepEqual(
      listLinks(socket)
        .map(({ name }) => name)
        .sort(),
      ['lo', 'uplink'],
    )
    assert.doesNotMatch(
      inNetworkNamespace(machine, () => runNft('list ruleset')),
      /wherry0|10\.88\./,
    )
  })
})
