import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration } from '../../../cli/support/duration.ts'
import { distance, nearest } from '../../../cli/support/nearest.ts'
import { parseSize } from '../../../cli/support/size.ts'
import { table } from '../../../cli/support/table.ts'

test('durations are Go’s', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['5s', 5000],
    ['100ms', 100],
    ['1h15m30.5s', 4_530_500],
    ['.5s', 500],
    ['1us', 0.001],
    ['-2s', -2000],
    ['0', 0],
    ['3', undefined],
    ['', undefined],
    ['s', undefined],
    ['1s2', undefined],
    ['1 s', undefined],
  ]
  for (const [text, milliseconds] of cases) assert.equal(parseDuration(text), milliseconds, text)
})

test('sizes are docker’s', () => {
  const cases: readonly (readonly [string, bigint | undefined])[] = [
    ['50M', 50n * 1024n ** 2n],
    ['50m', 50n * 1024n ** 2n],
    ['50Mb', 50n * 1024n ** 2n],
    ['50MiB', 50n * 1024n ** 2n],
    ['50 MiB', 50n * 1024n ** 2n],
    ['1.5G', 1536n * 1024n ** 2n],
    ['9007199254740993', 9007199254740993n],
    ['0', 0n],
    ['12b', 12n],
    ['1P', 1024n ** 5n],
    ['-1', undefined],
    ['', undefined],
    ['M', undefined],
    ['1X', undefined],
    ['1MM', undefined],
    ['1bb', undefined],
  ]
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text)
})

test('the nearest name is within a third of its letters', () => {
  assert.equal(distance('creat', 'create'), 1)
  assert.equal(distance('udpate', 'update'), 1, 'neighbours swapped')
  assert.equal(distance('', 'abc'), 3)
  assert.equal(nearest('dlete', ['create', 'delete', 'd']), 'delete')
  assert.equal(nearest('xyz', ['create', 'delete']), undefined)
  assert.equal(nearest('a'.repeat(10_000), ['create']), undefined)
})

test('columns are at least 12 wide and 3 apart, as runc’s', () => {
  assert.equal(
    table([
      ['ID', 'PID', 'OWNER'],
      ['a', '12345', 'root'],
      ['a-rather-long-id', '0', '#1000'],
    ]),
    'ID                 PID         OWNER\na                  12345       root\na-rather-long-id   0           #1000\n',
  )
})
