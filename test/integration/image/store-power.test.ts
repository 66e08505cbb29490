/** Power cuts: what was said to be there is there, and only whole things are. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { requires } from '../../support/requires.ts'

const SCRIPT = `${import.meta.dirname}/../../support/store-power.ts`

const cut = async (times: number, environment: Readonly<Record<string, string>> = {}): Promise<{ names: number; wrong: string[] }[]> => {
  const folder = mkdtempSync(`${tmpdir()}/wherry-store-power-`)
  try {
    const { stdout } = await promisify(execFile)(
      'unshare',
      ['--mount', '--propagation', 'private', process.execPath, SCRIPT, folder, `${times}`],
      {
        env: { ...process.env, ...environment },
      },
    )
    return JSON.parse(stdout)
  } finally {
    await removeTree(folder)
  }
}

const needed = requires('root', 'loop', 'ext4')

test('a store that is worked on survives power cuts', { skip: needed }, async () => {
  const results = await cut(20)
  assert.deepEqual(
    results.flatMap(({ wrong }) => wrong),
    [],
  )
  assert.ok(results.length === 20 && results.some(({ names }) => names > 3))
})

test('one that forgets fsync does not: the test can see it', { skip: needed }, async () => {
  // by chance the kernel has written everything before each cut
  for (let round = 0; round < 10; round++) {
    const results = await cut(8, { WHERRY_NO_SYNC: '1' })
    if (results.some(({ wrong }) => wrong.length > 0)) return
  }
  assert.fail('nothing was found to be lost')
})
