import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const MODULE = new URL('../../../cli/wherry/logger.ts', import.meta.url).href

const written = (format: 'text' | 'json'): string => {
  const program = `import { openLogger } from '${MODULE}'\nopenLogger('info', '${format}').warn({ error: new Error('no answer'), pod: 'a' }, 'again')`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  return stderr
}

test('an error among the fields is told by its message', () => {
  assert.match(written('text'), /^\d\d:\d\d:\d\d\.\d{3} warn {2}again error="no answer" pod=a\n$/)
  const { time: _, ...fields } = JSON.parse(written('json')) as Record<string, unknown>
  assert.deepEqual(fields, { level: 'warn', error: 'no answer', pod: 'a', msg: 'again' })
})
