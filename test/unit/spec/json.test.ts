import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, stringifyJson } from '../../../runtime/spec/json.ts'

test('keeps whole numbers of 64 bits exact', () => {
  for (const digits of ['18446744073709551615', '9223372036854775807', '-9223372036854775808', '9007199254740993'])
    for (const text of [`[${digits}]`, `{"a":${digits}}`, `{"a":\n${digits}}`, `[1,${digits}]`, digits]) {
      const value = parseJson(` ${text}`)
      assert.deepEqual(JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? `${item}` : item)).includes(digits), true, text)
      assert.equal(stringifyJson(value), text.replace('\n', ''))
    }
})

test('leaves all other numbers numbers', () => {
  assert.deepEqual(parseJson('[0, -1, 9007199254740991, 1.5, 1e300, 1234567890123456.5, "18446744073709551615"]'), [
    0,
    -1,
    9007199254740991,
    1.5,
    1e300,
    1234567890123456.5,
    '18446744073709551615',
  ])
})

test('names the position of a syntax error', () => {
  assert.throws(() => parseJson('{"a": 1,\n "b" 18446744073709551615}'), { name: 'SyntaxError', message: /line 2 column 6/ })
  assert.throws(() => parseJson('{"a": 1,\n "b" 2}'), { name: 'SyntaxError', message: /line 2 column 6/ })
})

test('indents as asked', () => {
  assert.equal(stringifyJson({ a: [1n], b: undefined }, '\t'), '{\n\t"a": [\n\t\t1\n\t]\n}')
})
