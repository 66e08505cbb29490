import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'completion',
  summary: 'print a completion script for a shell',
  operands: 'bash',
  count: [1, 1],
  description: 'Prints a script for bash, to be sourced or saved in /usr/share/bash-completion/completions.',
  flags: {},
  async run({ args, context }) {
    if (args[0] !== 'bash') throw new UsageError(`no completion for ${JSON.stringify(args[0])}: there is one for bash`)
    const [{ bashCompletion }, { DOOR }] = await Promise.all([import('../support/completion.ts'), import('./about.ts')])
    print(bashCompletion({ ...DOOR, name: context.name }, await context.commands()))
    return 0
  },
})
