import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIFETIME, MOST, TOKEN, Tokens } from '../../../../cri/streaming/tokens.ts'
import { WherryError } from '../../../../runtime/errors.ts'

test('a token is worth its value once', () => {
  const tokens = new Tokens<string>()
  const [one, two] = [tokens.add('one'), tokens.add('two')]
  assert.match(one, TOKEN)
  assert.notEqual(one, two)
  assert.equal(tokens.take(two), 'two')
  assert.equal(tokens.take(two), undefined)
  assert.equal(tokens.take(one), 'one')
  assert.equal(tokens.take('constructor'), undefined)
  tokens.clear()
})

test('and less than a minute old', () => {
  let now = 0
  const tokens = new Tokens<number>(() => now)
  const [first, second] = [tokens.add(1), tokens.add(2)]
  now = LIFETIME - 1
  assert.equal(tokens.take(first), 1)
  now = LIFETIME
  assert.equal(tokens.take(second), undefined)
  tokens.clear()
})

test('no more wait than there is room for, until they are used or too old', () => {
  let now = 0
  const tokens = new Tokens<number>(() => now)
  const first = tokens.add(0)
  for (let index = 1; index < MOST; index++) tokens.add(index)
  const full = (error: unknown): boolean => error instanceof WherryError && error.kind === 'resource-exhausted'
  assert.throws(() => tokens.add(MOST), full)
  tokens.take(first)
  tokens.add(MOST)
  assert.throws(() => tokens.add(MOST), full)
  now = LIFETIME
  assert.equal(tokens.size, 0)
  tokens.add(1)
  assert.equal(tokens.size, 1)
  tokens.clear()
})
