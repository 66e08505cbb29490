import { release } from 'node:os'
import { OCI_VERSION } from '../../runtime/spec/version.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate } from '../support/template/template.ts'
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
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json, or a Go template' },
  },
  async run({ flags: { format } }) {
    const version = {
      Version: VERSION,
      GitCommit: COMMIT,
      OciVersion: OCI_VERSION,
      NodeVersion: process.versions.node,
      Os: 'linux',
      Arch: ARCHITECTURES[process.arch] ?? process.arch,
      KernelVersion: release(),
    }
    // docker has one for the client and one for the daemon; here they are the same
    const both = { Client: version, Server: version, ...version }
    if (format === 'json') print(`${goJson(version)}\n`)
    else if (format !== undefined) print(`${compileTemplate(format)(both)}\n`)
    else
      print(
        Object.entries(version)
          .map(([name, value]) => `${`${name.replace(/([a-z])([A-Z])/g, '$1 $2')}:`.padEnd(17)}${value}\n`)
          .join(''),
      )
    return 0
  },
})
