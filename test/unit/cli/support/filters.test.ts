import assert from 'node:assert/strict'
import { test } from 'node:test'
import { booleanFilter, matchesLabels, parseFilters } from '../../../../cli/support/filters.ts'
import { globPattern } from '../../../../cli/support/glob.ts'

test('filters are collected by key; what is none is refused', () => {
  assert.deepEqual(
    [...parseFilters(['label=a=b', 'label=c', 'dangling=1'], ['label', 'dangling'])],
    [
      ['label', ['a=b', 'c']],
      ['dangling', ['1']],
    ],
  )
  assert.throws(() => parseFilters(['labl=x'], ['label']), /there is no filter "labl": did you mean label\? \(there are label\)/)
  assert.throws(() => parseFilters(['label'], ['label']), /a value is wanted: label=…/)
})

test('booleans are Go’s, and do not contradict each other', () => {
  for (const text of ['1', 't', 'true', 'TRUE']) assert.equal(booleanFilter('dangling', [text]), true)
  for (const text of ['0', 'F', 'false']) assert.equal(booleanFilter('dangling', [text]), false)
  assert.throws(() => booleanFilter('dangling', ['yes']), /true or false is wanted/)
  assert.throws(() => booleanFilter('dangling', ['1', '0']), /both true and false/)
})

test('labels: all of them, with their values where they are given', () => {
  const labels = { a: 'b', empty: '' }
  assert.ok(matchesLabels(labels, ['a', 'a=b', 'empty=']))
  assert.ok(!matchesLabels(labels, ['a=']))
  assert.ok(!matchesLabels(labels, ['constructor']))
})

test('patterns are Go’s path.Match', () => {
  for (const [pattern, text, matches] of [
    ['alp*', 'alpine', true],
    ['*', 'a/b', false],
    ['*/*', 'a/b', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['a.c', 'abc', false],
    ['(a|b)+', '(a|b)+', true],
    ['[]a]', ']', true],
    ['**x', 'abcx', true],
  ] as const)
    assert.equal(globPattern(pattern)?.test(text) ?? 'no pattern', matches, `${pattern} ${text}`)
  assert.equal(globPattern('[a'), undefined)
  assert.equal(globPattern('[z-a]'), undefined)
})
