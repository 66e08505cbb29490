import { kill } from '../../runtime/container/kill.ts'
import { SIGNALS } from '../../runtime/sys/abi/signal.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

export const command = defineCommand({
  name: 'container expire',
  heading: 'Containers',
  summary: 'end a container whose time is over',
  operands: 'ID',
  count: [1, 1],
  description: 'Kills a container that was started with --timeout. A timer, which ends with the container, runs this.',
  flags: {},
  hidden: true,
  async run({ args: [id], context }) {
    const home = await openHome(context)
    await kill(home.engine, id!, SIGNALS.SIGKILL, { all: false })
    return 0
  },
})
