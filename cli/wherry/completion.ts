import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'completion',
  heading: 'System',
  summary: 'print a completion script for a shell',
  operands: 'bash|zsh|fish',
  count: [1, 1],
  description: `Prints a script that completes commands, flags, their values and names of images: for bash to be saved in
/usr/share/bash-completion/completions/wherry, for zsh as _wherry in a folder of $fpath, for fish in
/usr/share/fish/vendor_completions.d/wherry.fish.`,
  flags: {},
  async run({ args, context }) {
    const { SHELLS } = await import('../support/completion-shells.ts')
    const script = SHELLS.get(args[0]!)
    if (script === undefined)
      throw new UsageError(`no completion for ${JSON.stringify(args[0])}: there is one for ${[...SHELLS.keys()].join(', ')}`)
    print(script(context.name))
    return 0
  },
})
