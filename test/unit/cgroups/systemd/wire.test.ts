import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeMessage,
  encodeMessage,
  type Message,
  messageLength,
  METHOD_CALL,
  type Value,
} from '../../../../runtime/cgroups/systemd/wire.ts'

const roundTrip = (signature: string, body: readonly Value[]): readonly Value[] => {
  const message: Message = { type: METHOD_CALL, serial: 7, fields: { path: '/a', member: 'M', signature }, body }
  const bytes = encodeMessage(message)
  assert.equal(messageLength(bytes), bytes.length)
  const decoded = decodeMessage(bytes)
  assert.deepEqual(decoded.fields, message.fields)
  assert.equal(decoded.serial, 7)
  return decoded.body
}

test('the bytes of a message are those of the specification', () => {
  // Put together by hand: header, then path, interface, member and destination, each padded to 8 bytes.
  const bytes = encodeMessage({
    type: METHOD_CALL,
    serial: 1,
    fields: { path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'Hello', destination: 'org.freedesktop.DBus' },
    body: [],
  })
  const expected = [
    '6c010001 00000000 01000000 6d000000',
    '01016f00 15000000 2f6f7267 2f667265 65646573 6b746f70 2f444275 73000000',
    '02017300 14000000 6f72672e 66726565 6465736b 746f702e 44427573 00000000',
    '03017300 05000000 48656c6c 6f000000',
    '06017300 14000000 6f72672e 66726565 6465736b 746f702e 44427573 00000000',
  ]
  assert.equal(bytes.toString('hex'), expected.join('').replaceAll(' ', ''))
})

test('every basic type, with its padding', () => {
  const body: readonly Value[] = [255, true, -5, 65535, -70000, 4000000000, -(2n ** 63n), 2n ** 64n - 1n, 1.5, 'ä', '/o', 'as', false]
  assert.deepEqual(roundTrip('ybnqiuxtdsogb', body), body)
})

test('containers', () => {
  const property = (name: string, signature: string, value: Value): Value => [name, { signature, value }]
  const body: readonly Value[] = [
    'x.scope',
    [property('PIDs', 'au', [1, 2]), property('Empty', 'a(ss)', []), property('T', 't', 5n), property('L', 'a(ss)', [['a', 'b']])],
    [
      ['k', 1],
      ['l', 2],
    ],
  ]
  assert.deepEqual(roundTrip('sa(sv)a{si}', body), body)
})

test('an empty array of 8-byte elements still has their padding', () => {
  assert.deepEqual(roundTrip('yat', [1, []]), [1, []])
  assert.deepEqual(roundTrip('a(sv)y', [[], 3]), [[], 3])
})

test('bytes may be given as such', () => {
  assert.deepEqual(roundTrip('ay', [Uint8Array.of(1, 2)]), [[1, 2]])
})

test('a message longer than the first buffer', () => {
  for (const signature of ['y', 'n', 'u', 't', 'd']) {
    const many = Array.from({ length: 600 }, (_, i) => (signature === 't' ? BigInt(i) : i % 128))
    assert.deepEqual(roundTrip(`a${signature}`, [many]), [many])
  }
  const long = 'x'.repeat(5000)
  assert.deepEqual(roundTrip('ss', [long, long]), [long, long])
})

test('what cannot be a value is refused', () => {
  assert.throws(() => roundTrip('s', ['a\0b']), /NUL/)
  assert.throws(() => roundTrip('z', [1]), /type z is unknown/)
  assert.throws(() => roundTrip('(s', [['a']]), /is not complete/)
  assert.throws(
    () => decodeMessage(encodeMessage({ type: 1, serial: 1, fields: { signature: 's' }, body: ['abc'] }).subarray(0, -2)),
    /ends within/,
  )
})

test('the length is unknown until the header is there', () => {
  const bytes = encodeMessage({ type: 1, serial: 1, fields: { member: 'M' }, body: [] })
  assert.equal(messageLength(bytes.subarray(0, 15)), undefined)
  assert.equal(messageLength(bytes.subarray(0, 16)), bytes.length)
})
