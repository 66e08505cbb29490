/** docs/docker-compatibility.md is what scripts/compatibility.ts writes, and what it compares with is what docker and podman say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { flagsIn, flagsOf, readPeer, versionOf } from '../../../scripts/compatibility/peer.ts'
import { compatibilityTable, DOCUMENT, readPeerFile } from '../../../scripts/compatibility/table.ts'

test('the document is as the definitions are: node scripts/compatibility.ts', async () => {
  assert.equal(readFileSync(resolve(import.meta.dirname, `../../../docs/${DOCUMENT}`), 'utf8'), await compatibilityTable())
})

describe('what docker and podman take', () => {
  for (const name of ['docker', 'podman'] as const) {
    const kept = readPeerFile(name)
    const installed = versionOf(name)
    test(`is what ${name} ${kept.version} says`, {
      skip: installed === kept.version ? false : `requires ${name} ${kept.version}, there is ${installed ?? 'none'}`,
    }, () => {
      assert.deepEqual(readPeer(name), kept)
    })
  }

  test('is read from help texts', () => {
    const text = 'Options:\n  -a, --attach list    Attach\n      --add-host strings   Add\n      --help\n  -c, --cpu-shares uint  x\n'
    assert.equal(flagsIn(text), 'a/attach add-host c/cpu-shares')
    const peer = { version: '1', commands: '', verbs: { run: flagsIn(text) } }
    assert.deepEqual(
      [...flagsOf(peer, 'run')],
      [
        ['attach', 'a'],
        ['add-host', ''],
        ['cpu-shares', 'c'],
      ],
    )
    assert.equal(flagsOf(peer, 'other').size, 0)
  })
})
