import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { recordedExit } from '../../../../cli/containers/events-read.ts'

const line = (id: string, action: string, attributes: Readonly<Record<string, string>> = {}): string =>
  `${JSON.stringify({ time: '2024-01-31T12:00:00.000000000Z', type: 'container', action, id, attributes })}\n`

test('tells how a container that is gone has ended last', async () => {
  const root = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  try {
    assert.equal(await recordedExit(root, 'a'), undefined)
    mkdirSync(join(root, 'events'))
    writeFileSync(join(root, 'events/journal.1'), line('a', 'die', { exitCode: '3' }) + line('b', 'die', { exitCode: '5' }))
    writeFileSync(join(root, 'events/journal'), line('a', 'start') + line('a', 'die', { exitCode: '7' }) + line('a', 'destroy'))
    assert.equal(await recordedExit(root, 'a'), 7)
    assert.equal(await recordedExit(root, 'b'), 5)
    assert.equal(await recordedExit(root, 'c'), undefined)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
