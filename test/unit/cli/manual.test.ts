import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DOOR } from '../../../cli/oci/about.ts'
import { GLOBALS } from '../../../cli/oci/globals.ts'
import { allCommands } from '../../../cli/oci/commands.ts'
import { VERBS } from '../../../cli/oci/verbs.ts'
import { bashCompletion } from '../../../cli/support/completion.ts'
import { manual } from '../../../cli/support/manual.ts'

const docs = fileURLToPath(new URL('../../../docs', import.meta.url))
const AGAIN = 'make it again: npm run manual'

test('the manual pages say what the commands are', async () => {
  const pages = manual(DOOR, await allCommands(VERBS))
  assert.deepEqual(readdirSync(`${docs}/man`).sort(), [...pages.keys()].sort(), AGAIN)
  for (const [name, page] of pages) assert.equal(readFileSync(`${docs}/man/${name}`, 'utf8'), page, AGAIN)
})

test('the completion script completes what the commands take', async () => {
  assert.equal(readFileSync(`${docs}/completions/wherry-oci`, 'utf8'), bashCompletion(DOOR, await allCommands(VERBS)), AGAIN)
})

test('every verb is in the table by its own name', async () => {
  for (const [name, load] of VERBS) assert.equal((await load()).command.name, name)
})

test('the loader of dist/ knows which global flags take a value, so that it finds the verb', () => {
  const build = readFileSync(fileURLToPath(new URL('../../../scripts/build.mjs', import.meta.url)), 'utf8')
  const [, list = ''] = /valued: \[(.*?)\]/s.exec(build) ?? []
  const named = [...list.matchAll(/'([^']+)'/g)].map(([, name]) => name)
  const valued = Object.entries(GLOBALS)
    .filter(([, { type }]) => type !== 'boolean')
    .map(([name]) => name)
  assert.deepEqual(named.sort(), valued.sort())
})
