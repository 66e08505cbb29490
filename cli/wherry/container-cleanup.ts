import { isKnown, locked } from '../containers/lock.ts'
import { settle } from '../containers/settle.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'container cleanup',
  heading: 'Containers',
  summary: 'clean up behind a container that has ended',
  operands: 'ID',
  count: [1, 1],
  description: `Records the end of a container, gives its addresses and ports back, removes it if it was started with --rm, and starts it again if its policy wants that.
The keeper runs this; any other command that meets the container does the same.`,
  flags: {},
  hidden: true,
  async run({ args: [id], context }) {
    const home = await openHome(context)
    if (isKnown(home, id!)) await locked(home, id!, () => settle(home, id!))
    return 0
  },
})
