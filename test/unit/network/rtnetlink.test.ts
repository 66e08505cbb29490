import assert from 'node:assert/strict'
import { closeSync, readlinkSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../../runtime/network/address.ts'
import {
  addAddress,
  addBridge,
  addRoute,
  addVeth,
  changeLink,
  checkLinkName,
  deleteAddress,
  deleteLink,
  deleteRoute,
  findLink,
  listAddresses,
  listLinks,
  listRoutes,
} from '../../../runtime/network/rtnetlink.ts'
import { inNetworkNamespace, NetlinkSocket } from '../../../runtime/sys/netlink.ts'
import { makeNetns } from '../../support/netns.ts'
import { requires } from '../../support/requires.ts'

describe('rtnetlink', { skip: requires('root') }, () => {
  let host: number
  let inside: number
  before(() => {
    host = makeNetns()
    inside = makeNetns()
  })
  after(() => {
    closeSync(host)
    closeSync(inside)
  })

  test('a namespace is entered for the time of a call', () => {
    const own = readlinkSync('/proc/thread-self/ns/net')
    const other = inNetworkNamespace(host, () => readlinkSync('/proc/thread-self/ns/net'))
    assert.notEqual(other, own)
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), own)
    assert.throws(() => inNetworkNamespace(host, () => assert.fail('inside')), /inside/)
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), own)
  })

  test('a bridge, a pair between two namespaces, addresses and routes', () => {
    using there = new NetlinkSocket(host)
    using here = new NetlinkSocket(inside)
    addBridge(there, 'br0', { mtu: 1400, mac: '02:00:00:00:00:01', up: true })
    const bridge = findLink(there, 'br0')!
    assert.deepEqual([bridge.kind, bridge.mtu, bridge.mac, bridge.up], ['bridge', 1400, '02:00:00:00:00:01', true])
    addVeth(
      there,
      'v0',
      { name: 'eth0', namespace: inside, mtu: 1400, mac: '02:00:00:00:00:02' },
      { mtu: 1400, master: bridge.index, up: true },
    )
    const port = findLink(there, 'v0')!
    assert.equal(port.master, bridge.index)
    const eth0 = findLink(here, 'eth0')!
    assert.deepEqual([eth0.kind, eth0.mtu, eth0.mac, eth0.up], ['veth', 1400, '02:00:00:00:00:02', false])
    changeLink(here, eth0.index, { up: true })
    changeLink(here, findLink(here, 'lo')!.index, { up: true })
    for (const text of ['10.88.0.2/16', 'fd00:88::2/64']) addAddress(here, eth0.index, parsePrefix(text))
    addRoute(here, { gateway: parseAddress('10.88.0.1') })
    addRoute(here, { gateway: parseAddress('fd00:88::1'), link: eth0.index })
    addRoute(here, { destination: parsePrefix('192.0.2.0/24'), link: eth0.index, source: parseAddress('10.88.0.2') })
    const addresses = listAddresses(here).map(({ prefix }) => formatPrefix(prefix))
    for (const text of ['127.0.0.1/8', '::1/128', '10.88.0.2/16', 'fd00:88::2/64'])
      assert.ok(addresses.includes(text), `${text} of ${addresses}`)
    const gateways = listRoutes(here)
      .filter(({ destination }) => destination === undefined)
      .map(({ gateway }) => formatAddress(gateway!))
    assert.deepEqual(gateways.sort(), ['10.88.0.1', 'fd00:88::1'])
    assert.throws(() => addRoute(here, { gateway: parseAddress('10.88.0.1') }), { code: 'EEXIST' })
    assert.equal(deleteRoute(here, { gateway: parseAddress('10.88.0.1') }), true)
    assert.equal(deleteRoute(here, { gateway: parseAddress('10.88.0.1') }), false)
    assert.equal(deleteAddress(here, eth0.index, parsePrefix('10.88.0.2/16')), true)
    assert.equal(deleteAddress(here, eth0.index, parsePrefix('10.88.0.2/16')), false)
    assert.equal(deleteLink(there, 'v0'), true)
    assert.equal(deleteLink(there, 'v0'), false)
    assert.equal(findLink(here, 'eth0'), undefined, 'the other end goes with it')
  })

  test('errors name the request, the thing and the kernel’s own words', () => {
    using socket = new NetlinkSocket(host)
    addBridge(socket, 'taken')
    assert.throws(() => addBridge(socket, 'taken'), { code: 'EEXIST', message: /^RTM_NEWLINK name=taken kind=bridge: EEXIST/ })
    assert.throws(() => addRoute(socket, { gateway: parseAddress('10.99.0.1') }), {
      message: /^RTM_NEWROUTE default via=10\.99\.0\.1: ENETUNREACH \(.*gateway/,
    })
    for (const name of ['', '.', '..', 'a/b', 'a b', 'a:b', 'x'.repeat(16)])
      assert.throws(() => checkLinkName(name), { kind: 'invalid-argument' })
  })

  test('a dump of many is whole', () => {
    using socket = new NetlinkSocket(host)
    for (let index = 0; index < 60; index++) addBridge(socket, `many${index}`)
    assert.equal(listLinks(socket).filter(({ name }) => name.startsWith('many')).length, 60)
    for (let index = 0; index < 60; index++) deleteLink(socket, `many${index}`)
  })
})
