import { existsSync, writeFileSync } from 'node:fs'
import { layout } from '../../runtime/cgroups/layout.ts'
import { WherryError } from '../../runtime/errors.ts'
import { defaultSpec } from '../../runtime/spec/default.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'spec',
  summary: 'write an example config.json',
  operands: '',
  count: [0, 0],
  description: `Writes a config.json that runs sh in a container with namespaces of its own, to be edited. A file that is there is not
overwritten. With --rootless the user who calls is mapped to root in a user namespace.`,
  flags: {
    bundle: { type: 'string', short: 'b', value: 'DIR', help: 'folder to write to (default: the current one)' },
    rootless: { type: 'boolean', help: 'for a user without privileges' },
  },
  async run({ flags }) {
    const file = flags.bundle ? `${flags.bundle}/config.json` : 'config.json'
    const refusal = `file ${file} exists: remove it first`
    if (existsSync(file)) throw new WherryError('already-exists', refusal)
    const rootless = flags.rootless ? { uid: process.geteuid!(), gid: process.getegid!() } : undefined
    const spec = defaultSpec({ rootless, cgroupNamespace: layout().kind === 'v2' })
    try {
      writeFileSync(file, stringifyJson(spec, '\t'), { flag: 'wx', mode: 0o666 })
    } catch (cause) {
      if (isErrno(cause, 'EEXIST')) throw new WherryError('already-exists', refusal)
      throw cause
    }
    return 0
  },
})
