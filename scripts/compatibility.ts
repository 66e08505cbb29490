/**
 * Writes docs/docker-compatibility.md. With --read the flags of docker and podman are taken anew from the programs that are installed.
 * A test finds out when the document is older than the definitions.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readPeer } from './compatibility/peer.ts'
import { compatibilityTable, DOCUMENT } from './compatibility/table.ts'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

if (process.argv.includes('--read'))
  for (const name of ['docker', 'podman'])
    writeFileSync(path(`./compatibility/${name}.json`), `${JSON.stringify(readPeer(name), undefined, 2)}\n`)
writeFileSync(path(`../docs/${DOCUMENT}`), await compatibilityTable())
