import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as oci from '../../../cli/oci/globals.ts'
import { VERBS as OCI_VERBS } from '../../../cli/oci/verbs.ts'
import type { Flags } from '../../../cli/support/flags.ts'
import * as wherry from '../../../cli/wherry/settings.ts'
import { VERBS } from '../../../cli/wherry/verbs.ts'
import { documents } from '../../../scripts/documents.ts'

const docs = fileURLToPath(new URL('../../../docs', import.meta.url))
const AGAIN = 'make it again: npm run manual'

test('manual pages, completion scripts and tables say what the definitions say', async () => {
  const made = await documents()
  for (const [name, text] of made) assert.equal(readFileSync(`${docs}/${name}`, 'utf8'), text, `docs/${name}: ${AGAIN}`)
  const there = ['man', 'completions'].flatMap((folder) => readdirSync(`${docs}/${folder}`).map((name) => `${folder}/${name}`))
  assert.deepEqual(there.sort(), [...made.keys()].filter((name) => name.includes('/')).sort(), AGAIN)
})

test('every verb is in the table by its own names', async () => {
  for (const [name, load] of OCI_VERBS) assert.equal((await load()).command.name, name)
  const spellings = new Map<string, string[]>()
  for (const [spelling, load] of VERBS) {
    const { command } = await load()
    spellings.set(command.name, [...(spellings.get(command.name) ?? []), spelling])
  }
  for (const load of new Set(VERBS.values())) {
    const { command } = await load()
    assert.deepEqual(spellings.get(command.name), [command.name, ...(command.aliases ?? [])])
  }
})

test('the loaders of dist/ know which global flags take a value, so that they find the verb', () => {
  const build = readFileSync(fileURLToPath(new URL('../../../scripts/build.mjs', import.meta.url)), 'utf8')
  const doors: readonly (readonly [string, Flags])[] = [
    ['cli/oci', oci.GLOBALS],
    ['cli/wherry', wherry.GLOBALS],
  ]
  for (const [sources, globals] of doors) {
    const [, list = ''] = new RegExp(`sources: '${sources}',[^}]*?valued: \\[(.*?)\\]`, 's').exec(build) ?? []
    const named = [...list.matchAll(/'([^']+)'/g)].map(([, name]) => name)
    const valued = Object.entries(globals)
      .filter(([, { type }]) => type !== 'boolean')
      .map(([name]) => name)
    assert.deepEqual(named.sort(), valued.sort())
  }
  const launcher = readFileSync(fileURLToPath(new URL('../../../bin/wherry', import.meta.url)), 'utf8')
  const skipped = /^ +(--.*)\) value=1/m.exec(launcher)?.[1]?.split(' | ')
  const valued = Object.entries(wherry.GLOBALS).filter(([, { type }]) => type !== 'boolean')
  assert.deepEqual(skipped?.sort(), valued.map(([name]) => `--${name}`).sort(), 'and so does the launcher')
})
