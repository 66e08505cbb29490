import { writeFileSync } from 'node:fs'
import { explain } from '../../runtime/container/explain.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

export const command = defineCommand({
  name: 'explain',
  summary: 'print the system calls that would start a container',
  operands: '[BUNDLE]',
  count: [0, 1],
  description: `Compiles the container of a bundle (default: the current folder) into its program and prints it in the notation of strace(1)
without running it. With --elf the executable is saved, to be run under a debugger.`,
  flags: {
    elf: { type: 'string', value: 'FILE', help: 'save the executable' },
    id: { type: 'string', value: 'ID', help: 'name of the container, for what depends on it (default: explain)' },
    'no-pivot': { type: 'boolean', help: 'as run --no-pivot' },
    'no-new-keyring': { type: 'boolean', help: 'as run --no-new-keyring' },
  },
  async run({ flags, args, context }) {
    const { text, elf } = await explain(openEngine(context), {
      id: flags.id ?? 'explain',
      bundle: args[0] ?? process.cwd(),
      noPivot: flags['no-pivot'] ?? false,
      noNewKeyring: flags['no-new-keyring'] ?? false,
      preserveFds: 0,
    })
    if (flags.elf !== undefined) writeFileSync(flags.elf, elf, { mode: 0o755 })
    else print(text)
    return 0
  },
})
