import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WherryError } from '../../../runtime/errors.ts'
import { parseContainerId } from '../../../runtime/spec/container-id.ts'

for (const id of ['a', 'A_b+c-d.e', '0', '...', '.a', '-x', 'x'.repeat(255)])
  test(`accepts the id ${id.slice(0, 20)}`, () => assert.equal(parseContainerId(id), id))

for (const [id, says] of [
  ['', 'container id cannot be empty'],
  ['.', 'invalid container id format: "."'],
  ['..', 'invalid container id format: ".."'],
  ['a/b', 'invalid container id format: "a/b"'],
  ['/', 'invalid container id format'],
  ['../x', 'invalid container id format'],
  ['a b', 'invalid container id format'],
  ['a\n', 'invalid container id format: "a\\n"'],
  ['a\0', 'invalid container id format'],
  ['ä', 'invalid container id format'],
  ['x'.repeat(256), 'must not be longer than 255 characters, has 256'],
] as const)
  test(`refuses the id ${JSON.stringify(id).slice(0, 20)}`, () => {
    assert.throws(
      () => parseContainerId(id),
      (error) => error instanceof WherryError && error.kind === 'invalid-argument' && error.message.includes(says),
    )
  })
