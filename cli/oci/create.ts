import { create } from '../../runtime/container/create.ts'
import { checkConsole } from './console-rules.ts'
import { defineCommand } from './context.ts'
import { bundleOf, CREATE_FLAGS, createOptions, socketConsole } from './create-flags.ts'
import { openEngine } from './engine.ts'
import { restoreOpenFiles } from './limits.ts'
import { wantsTerminal } from './wants-terminal.ts'

export const command = defineCommand({
  name: 'create',
  summary: 'create a container',
  operands: 'ID',
  count: [1, 1],
  description: `Makes the container that config.json in the bundle describes, up to the point where its program would be executed: start does
that. The init process is a child of the caller of this command, or of its subreaper.`,
  flags: CREATE_FLAGS,
  async run({ flags, args, context }) {
    const socket = flags['console-socket']
    checkConsole(wantsTerminal(bundleOf(flags)), true, socket)
    const options = createOptions(args[0]!, flags, context, socketConsole(socket))
    restoreOpenFiles(context.launch.openFiles)
    await create(openEngine(context), options)
    return 0
  },
})
