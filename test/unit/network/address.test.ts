import assert from 'node:assert/strict'
import { isIPv6, SocketAddress } from 'node:net'
import { test } from 'node:test'
import {
  addressBytes,
  addressOfBytes,
  contains,
  formatAddress,
  formatPrefix,
  lastOf,
  networkOf,
  nth,
  overlaps,
  parseAddress,
  parsePrefix,
} from '../../../runtime/network/address.ts'

test('addresses are read and written as RFC 5952 says', () => {
  for (const [text, written = text] of [
    ['10.88.0.1'],
    ['0.0.0.0'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['fd00::'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])
    assert.equal(formatAddress(parseAddress(text!)), written)
})

test('any address is the one that Node reads', () => {
  for (let round = 0; round < 500; round++) {
    const bytes = Buffer.from(Array.from({ length: 16 }, () => (Math.random() < 0.5 ? 0 : Math.floor(Math.random() * 256))))
    const address = addressOfBytes(bytes)
    const text = formatAddress(address)
    assert.ok(isIPv6(text), text)
    assert.deepEqual(parseAddress(text), address)
    assert.deepEqual(parseAddress(new SocketAddress({ address: text, family: 'ipv6' }).address), address)
    assert.deepEqual(addressBytes(address), bytes)
  }
})

test('what is no address is refused by name', () => {
  for (const text of ['', '1.2.3', '1.2.3.256', '01.2.3.4', ':::', 'fe80::1%eth0', 'localhost', '1.2.3.4/8'])
    assert.throws(() => parseAddress(text, '--ip'), { name: 'WherryError', kind: 'invalid-argument', message: /^--ip: .* no IP address/ })
  for (const text of ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1'])
    assert.throws(() => parsePrefix(text, '--subnet'), { name: 'WherryError', kind: 'invalid-argument' })
})

test('prefixes', () => {
  const prefix = parsePrefix('10.88.3.4/16')
  assert.equal(formatPrefix(networkOf(prefix)), '10.88.0.0/16')
  assert.equal(formatAddress(lastOf(prefix)), '10.88.255.255')
  assert.equal(formatAddress(nth(prefix, 258n)), '10.88.1.2')
  assert.equal(formatAddress(lastOf(parsePrefix('fd00::1/64'))), 'fd00::ffff:ffff:ffff:ffff')
  assert.ok(contains(prefix, parseAddress('10.88.9.9')))
  assert.ok(!contains(prefix, parseAddress('10.89.0.0')))
  assert.ok(!contains(prefix, parseAddress('::1')))
  assert.ok(contains(parsePrefix('0.0.0.0/0'), parseAddress('1.2.3.4')))
  assert.ok(overlaps(prefix, parsePrefix('10.0.0.0/8')))
  assert.ok(overlaps(parsePrefix('10.0.0.0/8'), prefix))
  assert.ok(!overlaps(prefix, parsePrefix('10.87.0.0/16')))
})
