/** Runs last: of all that the files before it made, the machine has nothing any more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leftovers } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'

test('no process, mount, cgroup, namespace or file of the suite is left', { skip: requires('root') }, () => {
  assert.deepEqual(leftovers(MARK), [])
})
