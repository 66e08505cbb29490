/** Every flag of run is asserted by effect: it stands in some integration test of the command line. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { RUN_FLAGS } from '../../../../cli/containers/flags/run-flags.ts'
import type { Flag } from '../../../../cli/support/flags.ts'

const folder = resolve(import.meta.dirname, '../../../integration/cli')

test('each flag stands in an integration test', () => {
  const text = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
    .join('\n')
  const missing = Object.entries<Flag>(RUN_FLAGS).filter(
    ([name, { short, hidden }]) =>
      hidden !== true &&
      !new RegExp(`['" ]--${name}['"= ]`).test(text) &&
      (short === undefined || !new RegExp(`['"]-[a-z]*${short}['" ]`).test(text)),
  )
  assert.deepEqual(
    missing.map(([name]) => name),
    [],
  )
})
