import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotatedProperties, parseVariant } from '../../../../runtime/cgroups/systemd/annotations.ts'

test('values in the text form of GVariant', () => {
  for (const [text, signature, value] of [
    ['true', 'b', true],
    ['37', 'i', 37n],
    ['-1', 'i', -1n],
    ['0x10', 'i', 16n],
    ['uint64 123456789', 't', 123456789n],
    ['@t 5', 't', 5n],
    ['byte 255', 'y', 255n],
    ['1.5', 'd', 1.5],
    ['double 2', 'd', 2],
    ["'inactive-or-failed'", 's', 'inactive-or-failed'],
    ['"a\\"b\\n"', 's', 'a"b\n'],
    ["['a.service', 'b.service']", 'as', ['a.service', 'b.service']],
    ['@as []', 'as', []],
    ['[uint32 1, 2]', 'au', [1n, 2n]],
    ["objectpath '/a'", 'o', '/a'],
  ] as const)
    assert.deepEqual(parseVariant(text), { signature, value }, text)
})

test('what is no value', () => {
  for (const [text, message] of [
    ['', /ends too early/],
    ['[]', /an empty array needs its type/],
    ['2147483648', /does not fit into type i/],
    ['byte 256', /does not fit/],
    ['int32 1.5', /is not of type i/],
    ['string 5', /is not of type s/],
    ['uint64 true', /is not of type t/],
    ["[1, 'a']", /is not of type i/],
    ['1 2', /unexpected "2" after the value/],
    ['[1 2]', /separated by commas/],
    ['<5>', /unexpected "<5>"/],
    ["'open", /unexpected/],
    ['foo', /unexpected "foo"/],
  ] as const)
    assert.throws(() => parseVariant(text), message, text)
})

test('annotations of systemd, and no others, are properties', () => {
  assert.deepEqual(
    annotatedProperties({
      'org.systemd.property.CollectMode': "'inactive-or-failed'",
      'org.systemd.property.RuntimeMaxSec': '2',
      'org.systemd.property.TimeoutStopSec': 'double 0.5',
      'org.systemd.property.TimeoutStopUSec': 'uint64 7',
      'com.example': 'x',
    }),
    [
      ['CollectMode', { signature: 's', value: 'inactive-or-failed' }],
      ['RuntimeMaxUSec', { signature: 't', value: 2000000n }],
      ['TimeoutStopUSec', { signature: 't', value: 500000n }],
      ['TimeoutStopUSec', { signature: 't', value: 7n }],
    ],
  )
})

test('a wrong one is refused by its name', () => {
  const refuse = (name: string, text: string, message: RegExp) =>
    assert.throws(() => annotatedProperties({ [`org.systemd.property.${name}`]: text }), {
      path: `annotations["org.systemd.property.${name}"]`,
      message,
    })
  refuse('Ab', '1', /three or more letters/)
  refuse('A=b', '1', /three or more letters/)
  refuse('CollectMode', 'inactive', /unexpected "inactive".*allowed are/)
  refuse('TimeoutStopSec', "'5'", /not a number/)
  refuse('TimeoutStopSec', '-1', /out of range/)
})
