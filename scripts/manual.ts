/** Writes docs/man and docs/completions from the commands: `npm run manual`. A test finds out when they are older than the commands. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DOOR } from '../cli/oci/about.ts'
import { allCommands } from '../cli/oci/commands.ts'
import { VERBS } from '../cli/oci/verbs.ts'
import { bashCompletion } from '../cli/support/completion.ts'
import { manual } from '../cli/support/manual.ts'

const docs = fileURLToPath(new URL('../docs', import.meta.url))
const commands = await allCommands(VERBS)

rmSync(`${docs}/man`, { recursive: true, force: true })
mkdirSync(`${docs}/man`, { recursive: true })
mkdirSync(`${docs}/completions`, { recursive: true })
for (const [name, page] of manual(DOOR, commands)) writeFileSync(`${docs}/man/${name}`, page)
writeFileSync(`${docs}/completions/${DOOR.name}`, bashCompletion(DOOR, commands))
