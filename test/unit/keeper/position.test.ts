import assert from 'node:assert/strict'
import test from 'node:test'
import { WherryError } from '../../../runtime/errors.ts'
import { formatPosition, parsePosition } from '../../../runtime/keeper/position.ts'

test('a position is written and read', () => {
  for (const position of [
    { id: 0xdeadbeefn, sequence: 0n, offset: 40 },
    { id: 0xffff_ffff_ffff_ffffn, sequence: 123_456_789_012n, offset: 10_485_760 },
  ])
    assert.deepEqual(parsePosition(formatPosition(position)), position)
  assert.equal(formatPosition({ id: 0xdeadbeefn, sequence: 7n, offset: 40 }), '00000000deadbeef.7.40')
})

test('what is no position is refused', () => {
  for (const text of ['', '0.0.0', '00000000deadbeef.7', '00000000deadbeef.7.40.', '00000000DEADBEEF.7.40', '00000000deadbeef.-7.40'])
    assert.throws(
      () => parsePosition(text),
      (error) => error instanceof WherryError && error.kind === 'invalid-argument',
      text,
    )
})
