/** Writes docs/man, docs/completions and docs/settings.md from the definitions: `npm run manual`. A test finds out when they are older. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { documents } from './documents.ts'

const docs = fileURLToPath(new URL('../docs', import.meta.url))

rmSync(`${docs}/man`, { recursive: true, force: true })
for (const [name, text] of await documents()) {
  mkdirSync(dirname(`${docs}/${name}`), { recursive: true })
  writeFileSync(`${docs}/${name}`, text)
}
