import assert from 'node:assert/strict'
import test from 'node:test'
import { MessageParser } from '../../../runtime/keeper/connection.ts'
import { MESSAGE } from '../../../runtime/keeper/layout.ts'

const message = (type: string, value: bigint): Buffer => {
  const bytes = Buffer.alloc(MESSAGE.size)
  bytes.write(type, MESSAGE.type)
  bytes.writeBigInt64LE(value, MESSAGE.value)
  return bytes
}

test('messages are parsed however they are cut', () => {
  const bytes = Buffer.concat([message('r', -16n), message('b', 4711n), message('?', 1n), message('x', 4711n)])
  const expected = [
    { type: 'reply', value: -16 },
    { type: 'begun', value: 4711 },
    { type: 'ended', value: 4711 },
  ]
  for (let size = 1; size <= bytes.length; size += 1) {
    const parser = new MessageParser()
    const events = []
    for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)))
    assert.deepEqual(events, expected, `pieces of ${size} bytes; a message of an unknown type is passed over`)
  }
})
