import { cleanUpSession } from '../containers/exec-terminal.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'container exec-cleanup',
  heading: 'Containers',
  summary: 'clean up behind a command that was left to itself on a terminal',
  operands: 'ID SESSION',
  count: [2, 2],
  description:
    'Removes what the terminal of a command had on this machine. The keeper of a session of `exec --tty` runs this when nobody attends its end.',
  flags: {},
  hidden: true,
  async run({ args: [id, session], context }) {
    cleanUpSession(await openHome(context), id!, session!)
    return 0
  },
})
