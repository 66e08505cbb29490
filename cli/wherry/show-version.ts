import { release } from 'node:os'
import { OCI_VERSION } from '../../runtime/spec/version.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { COMMIT, VERSION } from './version.ts'

/** Go’s names, which docker’s users look for. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64' }

export const command = defineCommand({
  name: 'version',
  heading: 'System',
  summary: 'show the version',
  operands: '',
  count: [0, 0],
  description: 'Shows the version of this program, and of what it stands on.',
  flags: {},
  async run() {
    const rows = [
      ['Version', VERSION],
      ['Built from', COMMIT],
      ['OCI runtime-spec', OCI_VERSION],
      ['Node', process.versions.node],
      ['OS/Arch', `linux/${ARCHITECTURES[process.arch] ?? process.arch}`],
      ['Kernel', release()],
    ] as const
    print(rows.map(([name, value]) => `${`${name}:`.padEnd(18)}${value}\n`).join(''))
    return 0
  },
})
